// Write: a number typed in, in handwriting. Every character has a seed of its own, so one can be drawn again.

import { seed, variety } from "./controls.js"
import { button, h, heading } from "./dom.js"
import { save } from "./files.js"
import { Latest } from "./latest.js"
import { current, suitable } from "./models.js"
import { canvas, images, png, sheet } from "./pixels.js"
import { anySeed, nextSeed, set, state } from "./state.js"

/** The characters as {digit, seed}, digit null for what is no digit. */
const characters = () =>
	[...state.text].map((letter, i) => ({
		digit: /[0-9]/.test(letter) ? Number(letter) : null,
		seed: state.redone[i] ?? nextSeed(state.seed, i)
	}))

export function open(root) {
	const strip = h("div.written", { role: "group", "aria-label": "The number in handwriting" })
	const said = h("p.note")
	const latest = new Latest(strip)
	// Images by model, truncation, digit and seed: a character that is typed asks for itself alone.
	const drawn = new Map()
	const input = h("input.wide", {
		type: "text", inputmode: "tel", maxlength: 32, value: state.text, "data-key": "text", autocomplete: "off",
		oninput: () => set({ text: input.value, redone: {} })
	})

	root.append(
		heading("Write", "Type a year or a telephone number. Each digit is drawn for the occasion; press one to have it drawn again."),
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
		const runs = []
		for (const one of characters()) {
			if (one.digit === null || drawn.has(key(one))) continue
			const run = runs.at(-1)
			// Neighbours in the text are neighbours in seed: one request draws them all.
			if (run && one.seed === nextSeed(run[0].seed, run.length)) run.push(one)
			else runs.push([one])
		}
		await Promise.all(runs.map(async (run) => {
			const keys = run.map(key)
			const made = await images("generate", body(run), signal)
			made.forEach((one, i) => drawn.set(keys[i], one))
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
			if (model()) latest.run(draw)
		},
		requests() {
			const digits = characters().filter(({ digit }) => digit !== null)
			return model() && digits.length ? [{ path: "generate", body: { ...body(digits), format: "png", columns: digits.length, scale: 8 }, file: "number.png" }] : []
		}
	}
}
