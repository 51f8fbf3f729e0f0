// Compare: the same seeds through every model, with what was measured of each.

import { seed } from "./controls.js"
import { h, heading } from "./dom.js"
import { latest } from "./latest.js"
import { all, current, detail, labelled } from "./models.js"
import { canvas, images } from "./pixels.js"
import { state } from "./state.js"

const MANY = 10

const body = (model) => ({ model: model.name, n: MANY, seed: state.seed, labels: labelled(model, [...Array(MANY).keys()]) })

export function open(root) {
	const rows = h("section.rows", { "aria-label": "Models" })
	const asking = latest(rows)
	let asked = null
	root.append(
		heading("Compare", "The same ten seeds through every model. The bar is the Fréchet distance to real digits: short is good."),
		h("div.controls", seed()),
		rows)

	async function show(signal) {
		const found = await Promise.all(all().map(async (model) => {
			const [{ manifest }, made] = await Promise.all([detail(model.name, signal), images("generate", body(model), signal)])
			return { model, manifest, made, distance: manifest.metrics.frechet_distance }
		}))
		signal.throwIfAborted()
		const far = ({ distance }) => distance?.value ?? 1e9
		found.sort((a, b) => far(a) - far(b))
		const worst = Math.max(...found.map(({ distance }) => distance?.value ?? 0))
		rows.replaceChildren(...found.map((one) => row(one, worst)))
	}

	return {
		update() {
			if (state.seed !== asked) asking.run(show)
			asked = state.seed
		},
		requests: () => [{ path: "generate", body: { ...body(current()), format: "png", columns: MANY, scale: 4 }, file: "ten.png" }]
	}
}

function row({ model, manifest, made, distance }, worst) {
	const { precision, recall, microseconds_per_image: cost } = manifest.metrics
	const bar = h("span.bar", { "aria-hidden": true }, h("i"))
	const floor = distance?.floor
	if (floor) bar.firstChild.style.width = `${(100 * Math.log(Math.max(1.05, distance.value / floor))) / Math.log(worst / floor)}%`
	return h("article",
		h("div.facts",
			h("h3", model.title), h("span", manifest.paper.year),
			floor && bar,
			distance && h("span", `${distance.value.toFixed(2)}${floor ? `, ${(distance.value / floor).toFixed(1)}× real` : ""}`),
			precision && recall && h("span", `precision ${precision.value.toFixed(2)}, recall ${recall.value.toFixed(2)}`),
			cost && h("span", `${Math.round(cost.value)} µs an image`)),
		h("div.strip", { role: "img", "aria-label": `Ten samples of the ${model.title}` }, made.map((image) => canvas(image))))
}
