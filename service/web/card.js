// A model's card: where it comes from, what goes in, and what was measured of it.

import { Failure } from "./api.js"
import { h } from "./dom.js"
import { detail } from "./models.js"

const percent = (x) => `${(100 * x).toFixed(1)}%`
const plain = (x) => x.toFixed(2)
/** Key, name, how it is written, what it means. */
const FIGURES = [
	["frechet_distance", "Fréchet distance", plain, "To real digits: lower is better"],
	["precision", "Precision", plain, "Share of its digits that look real"],
	["recall", "Recall", plain, "Share of real digits it can make"],
	["label_accuracy", "Right digit", percent, "Share read as asked for"],
	["pieces", "Pieces of ink", plain, "Per image: specks show here"]
]

let shown = ""

/** Fills `place`, with the figures when they come. */
export async function card(place, model) {
	if (shown === model.digest) return
	shown = model.digest
	const measured = h("div")
	place.replaceChildren(h("p", model.summary),
		h("details.card-body", { open: matchMedia("(min-width: 60rem)").matches }, h("summary", "About this model"), measured,
			h("p.note", `Drawn from ${model.latent_dim} numbers (${model.prior})${model.conditional ? " and a label" : ""}, on the ${model.provider.toUpperCase()}.`)))
	try {
		const { paper, metrics } = (await detail(model.name)).manifest
		if (shown !== model.digest) return
		const [first, ...others] = paper.authors.split(", ")
		const rows = FIGURES.filter(([key]) => metrics[key]).map(([key, name, write, meaning]) => h("tr", { title: meaning },
			h("th", { scope: "row" }, name), h("td", write(metrics[key].value)), h("td", metrics[key].floor ? write(metrics[key].floor) : "")))
		measured.append(
			h("p.note", h("a", { href: paper.url }, paper.title), ` ${first}${others.length ? " et al." : ""}, ${paper.year}`),
			rows[0] ? h("table", h("caption", "Measured on what is served"),
				h("thead", h("tr", h("td"), h("th", { scope: "col" }, "this"), h("th", { scope: "col" }, "real"))), h("tbody", rows)) : "")
	} catch (error) {
		if (!(error instanceof Failure)) throw error
		shown = ""; // The next change asks again.
	}
}
