// A data set in MNIST's own format, as large as one likes: requests of a few hundred, joined here.

import { button, h } from "./dom.js"
import { idx, save } from "./files.js"
import { Latest } from "./latest.js"
import { current, labelled } from "./models.js"
import { images } from "./pixels.js"
import { nextSeed, state } from "./state.js"

const CHUNK = 250

export function fill(place) {
	const count = h("input", { type: "number", min: 10, max: 60000, step: 10, value: 1000 })
	const progress = h("progress", { max: 1, value: 0, hidden: true, "aria-label": "Data set" })
	const said = h("span", { role: "status" })
	const latest = new Latest(place)
	place.append(
		h("p", "Gzipped IDX files, as every MNIST loader reads them; with labels from a conditional model."),
		h("div.controls", h("label.field", h("span", "Images"), count), button("Make it", make), progress, said))

	function make() {
		if (!count.reportValidity()) return
		const n = Number(count.value)
		const model = current()
		const { seed, truncation } = state
		const digits = Uint8Array.from({ length: n }, (_, i) => i % 10)
		latest.run(async (signal) => {
			progress.hidden = false
			const parts = []
			for (let done = 0; done < n; done += CHUNK) {
				progress.value = done / n
				const labels = [...digits.subarray(done, done + CHUNK)]
				const body = { model: model.name, n: labels.length, seed: nextSeed(seed, done), truncation, labels: labelled(model, labels) }
				parts.push(...(await images("generate", body, signal)))
			}
			save(await idx(parts, n, 28, 28), `${model.name}-images-idx3-ubyte.gz`)
			if (model.conditional) save(await idx([digits], n), `${model.name}-labels-idx1-ubyte.gz`)
			progress.hidden = true
			said.textContent = `${n.toLocaleString("en")} images saved.`
		})
	}
}
