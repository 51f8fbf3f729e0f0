// The tiles that were picked, with what is known of each, and where to go with them.

import { ask } from "./api.js"
import { button, h } from "./dom.js"
import { current, has, labelled } from "./models.js"
import { canvas, fromPng } from "./pixels.js"
import { link, set, state, tileKey } from "./state.js"

const known = new Map()

/** A tile as {image, seed, label, score, latent}. */
export async function describe(tile, signal) {
	const model = current()
	const { truncation } = state
	const key = `${model.name} ${truncation} ${tileKey(tile)}`
	if (!known.has(key)) {
		const body = {
			model: model.name, seed: tile.seed, labels: labelled(model, tile.label), truncation,
			return_latents: true, return_scores: has("discriminator")(model)
		}
		const [said] = (await ask("generate", { body, signal })).images
		known.set(key, { label: null, score: null, ...said, image: await fromPng(said.b64_json) })
		signal.throwIfAborted()
	}
	return known.get(key)
}

/** Fills `place` with what the state says is picked. */
export const show = (place, latest) => latest.run(async (signal) => {
	const found = await Promise.all(state.picked.map((tile) => describe(tile, signal)))
	signal.throwIfAborted()
	place.replaceChildren(h("div.cards", found.map(figure)), h("div.actions",
		found.length > 1 && h("a.button.primary", { href: link({ view: "walk", at: 0 }) }, "Walk from A to B"),
		found.length > 0 && h("a.button", { href: link({ view: "steer", moves: {} }) }, "Steer A"),
		found.length > 0 && button("Clear", () => set({ picked: [] }))))
})

function figure(one, i) {
	return h("figure.card", canvas(one.image, `Digit ${"ABC"[i]}`),
		h("figcaption",
			h("b", "ABC"[i]),
			one.label !== null && h("span", `a ${one.label}`),
			h("span", `seed ${one.seed}`),
			one.score !== null && h("span", `score ${one.score.toFixed(2)}`)))
}
