// Score: a digit is drawn or dropped; what the networks saw, and what they say of it.

import { ask } from "./api.js"
import { button, h, heading } from "./dom.js"
import { latest } from "./latest.js"
import { current, has, suitable } from "./models.js"
import { pad } from "./pad.js"
import { canvas, fromPng, images, toPng } from "./pixels.js"
import { restore } from "./restore.js"
import { anySeed } from "./state.js"
import { occlusion, verdict } from "./verdict.js"

const SIDE = 280
/** Networks that read pictures: where each is asked, and the member of its answer. */
const READERS = { discriminator: ["score", "scores"], encoder: ["encode", "encodings"], classifier: ["classify", "classifications"] }

export function open(root) {
	const result = h("div.view", { "aria-live": "polite" })
	const asking = latest(result)
	const judge = () => asking.run(look)
	const paper = pad(SIDE, 22, "#fff", "Draw a digit", judge)
	const fetching = latest(paper.element)
	const file = h("input", { type: "file", accept: "image/*", hidden: true, onchange: () => file.files[0] && put(file.files[0]) })
	let digest = ""

	root.append(
		heading("Score", "Draw a digit, or drop a picture of one, and see it as the networks do."),
		h("div.two",
			h("section", {
				ondragover: (event) => event.preventDefault(),
				ondrop: (event) => {
					event.preventDefault()
					put(event.dataTransfer.files[0])
				}
			}, paper.element,
			h("div.actions", button("Clear", () => paper.clear()), button("A picture…", () => file.click()), button("One of its own", sample)), file),
			result))

	async function put(source) {
		const picture = await createImageBitmap(source).catch(() => null)
		if (!picture) return asking.run(() => result.replaceChildren(h("p", "The browser cannot read this file as a picture.")))
		const scale = SIDE / Math.max(picture.width, picture.height)
		const [width, height] = [picture.width * scale, picture.height * scale]
		paper.clear()
		paper.context.imageSmoothingEnabled = scale < 1
		paper.context.drawImage(picture, (SIDE - width) / 2, (SIDE - height) / 2, width, height)
		judge()
	}

	function sample() {
		fetching.run(async (signal) => put(canvas((await images("generate", { model: current().name, seed: anySeed() }, signal))[0])))
	}

	async function look(signal) {
		if (!paper.marked().some(Boolean)) return result.replaceChildren(h("p.note", "Nothing is drawn yet."))
		const models = Object.keys(READERS).map((role) => suitable(has(role)))
		const first = models.findIndex(Boolean)
		if (first < 0) return result.replaceChildren(h("p", "No model is served that reads pictures."))
		const [path, member] = Object.values(READERS)[first]
		const body = { model: models[first].name, images: [paper.element.toDataURL()], return_images: true }
		const [said] = (await ask(path, { body, signal }))[member]
		const seen = await fromPng(said.image)
		signal.throwIfAborted()
		const shown = h("div.pair", h("div.big", canvas(seen, "What the networks saw"), "What the networks saw"))
		const parts = models.map(() => h("section"))
		result.replaceChildren(shown, h("p.note", `Done to it: ${said.preprocessing.join("; ") || "nothing"}.`), ...parts)
		const whole = { images: [toPng(seen)], fit: false, invert: false }
		const tell = [verdict, restore, classes]
		await Promise.all(models.map(async (model, k) => {
			if (!model) return
			parts[k].append(...(await tell[k](model, seen, whole, said, signal)))
			if (!k) shown.append(h("div.big", await occlusion(model, seen, said, signal), "Where the score comes from: ink that raises it is warm"))
		}))
	}

	return {
		update() {
			if (digest !== current().digest) judge()
			digest = current().digest
		},
		requests: () => [{ path: "score", body: { model: current().name, images: ["<base64 of a picture>"] } }]
	}
}

async function classes(model, seen, whole, said, signal) {
	const { classifications: [{ label, probabilities }] } = await ask("classify", { body: { ...whole, model: model.name }, signal })
	return [
		h("h3", `A ${label}, says the ${model.title}`),
		h("div.chances", probabilities.map((chance, digit) => {
			const bar = h("i", { title: `${(100 * chance).toFixed(1)}%` })
			bar.style.height = `${4 * chance}rem`
			return h("span", bar, digit)
		}))
	]
}
