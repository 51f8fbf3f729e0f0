// Write: a number in handwriting. Every character has a seed of its own, so one can be drawn again.

import { seed, variety } from "./controls.js"
import { button, h, heading } from "./dom.js"
import { save } from "./files.js"
import { latest } from "./latest.js"
import { current, suitable } from "./models.js"
import { canvas, images, png, sheet } from "./pixels.js"
import { anySeed, nextSeed, set, state } from "./state.js"

/** {digit, seed} of each; digit null for what is none. */
const characters = () =>
	[...state.text].map((letter, i) => ({
		digit: /[0-9]/.test(letter) ? Number(letter) : null,
		seed: state.redone[i] ?? nextSeed(state.seed, i)
	}))

export function open(root) {
	const strip = h("div.written", { role: "group", "aria-label": "The number in handwriting" })
	const said = h("p.note")
	const asking = latest(strip)
	const drawn = new Map()
	const input = h("input.wide", {
		type: "text", inputmode: "tel", maxlength: 32, value: state.text, "data-key": "text", autocomplete: "off",
		oninput: () => set({ text: input.value, redone: {} })
	})

	root.append(
		heading("Write", "Type a year or a telephone number. Each digit is drawn for the occasion; press one for another."),
		h("div.controls",
			h("label.field", h("span", "Number"), input),
			seed({ redone: {} }),
			variety()),
		h("div.sheet", strip),
		said,
		h("div.actions", h("span", "Download"), button("PNG", download)))

	const model = () => suitable((one) => one.conditional)
	const key = ({ digit, seed: own }) => `${model().name} ${state.truncation} ${digit} ${own}`
	const image = (character) => drawn.get(key(character))
	const body = (run) => ({
		model: model().name, seed: run[0].seed, labels: run.map(({ digit }) => digit), truncation: state.truncation
	})

	async function draw(signal) {
		const missing = characters().filter((one) => one.digit !== null && !image(one))
		// Asked for at once, they share a batch.
		await Promise.all(missing.map(async (one) => {
			const name = key(one)
			drawn.set(name, (await images("generate", body([one]), signal))[0])
		}))
		const held = [...strip.children].indexOf(document.activeElement)
		strip.replaceChildren(...characters().map((one, i) =>
			one.digit === null
				? h("span")
				: button(canvas(image(one)), () => set({ redone: { ...state.redone, [i]: anySeed() } }), {
					"aria-label": `${one.digit}, seed ${one.seed}: draw it again`
				})))
		strip.children[held]?.focus()
	}

	async function download() {
		save(await png(sheet(characters().map(image), characters().length), 8), `${state.text.replace(/[^0-9]+/g, "-")}.png`)
	}

	return {
		update() {
			said.textContent = !model() ? "No model is served that can be asked for a digit."
				: model() === current() ? "" : `Only a conditional model can be asked for a digit: this is the ${model().title}.`
			if (model()) asking.run(draw)
		},
		requests() {
			const digits = characters().filter(({ digit }) => digit !== null)
			return model() && digits.length ? [{ path: "generate", body: { ...body(digits), format: "png", columns: digits.length, scale: 8 }, file: "number.png" }] : []
		}
	}
}
