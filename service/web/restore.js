// Through an encoder and back; what is rubbed out is filled in again.

import { ask } from "./api.js"
import { button, h } from "./dom.js"
import { latest } from "./latest.js"
import { pad } from "./pad.js"
import { canvas, fromPng, paint, SIDE, toPng } from "./pixels.js"

/** What to show of the image `seen`; `whole` holds it for a request. */
export async function restore(model, seen, whole, said, signal) {
	const body = { ...whole, model: model.name }
	const encoded = async (more, aborts) => (await ask("encode", { body: { ...body, ...more }, signal: aborts })).encodings[0]
	const back = canvas(await fromPng((await encoded({ reconstruct: true }, signal)).reconstruction), "Reconstruction")
	const filled = canvas(seen, "Filled in")
	const asking = latest(filled)
	const rubber = pad(SIDE, 4, "#ff8255", "Rub out", () => {
		const mask = rubber.marked()
		if (!mask.some(Boolean)) return paint(filled, seen)
		asking.run(async (aborts) => {
			const image = await fromPng((await encoded({ mask: toPng(mask) }, aborts)).filled)
			aborts.throwIfAborted()
			paint(filled, image)
		})
	})
	signal.throwIfAborted()
	return [
		h("h3", `Through the ${model.title}, and back`),
		h("p.note", `The encoder writes it as ${model.latent_dim} numbers, the generator draws it from them. What you rub out they fill in.`),
		h("div.pair",
			h("div.big", back, "The reconstruction"),
			h("div.big", h("div.over", canvas(seen), rubber.element), "Rub out here"),
			h("div.big", filled, "Filled in")),
		h("div.actions", button("Put it back", () => rubber.clear()))
	]
}
