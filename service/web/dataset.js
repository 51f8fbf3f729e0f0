// A data set in MNIST's own format: requests, joined.

import { button, h } from "./dom.js"
import { save } from "./files.js"
import { latest } from "./latest.js"
import { current, labelled } from "./models.js"
import { images } from "./pixels.js"
import { nextSeed, state } from "./state.js"

const CHUNK = 250

export function fill(place) {
	const count = h("input", { type: "number", min: 10, max: 60000, step: 10, value: 1000 })
	const said = h("span", { role: "status" })
	const asking = latest(place)
	place.append(
		h("p", "Gzipped IDX files for any MNIST loader; a conditional model's with labels."),
		h("div.controls", h("label.field", h("span", "Images"), count), button("Make it", make), said))

	function make() {
		if (!count.reportValidity()) return
		const n = Number(count.value)
		const model = current()
		const { seed, truncation } = state
		const digits = Uint8Array.from({ length: n }, (_, i) => i % 10)
		const parts = []
		asking.run(async (signal) => {
			while (parts.length < n) {
				const done = parts.length
				said.textContent = `${Math.round((100 * done) / n)}%`
				const labels = [...digits.subarray(done, done + CHUNK)]
				const body = { model: model.name, n: labels.length, seed: nextSeed(seed, done), truncation, labels: labelled(model, labels) }
				parts.push(...(await images("generate", body, signal)))
			}
			save(await idx(parts, n, 28, 28), `${model.name}-images-idx3-ubyte.gz`)
			if (model.conditional) save(await idx([digits], n), `${model.name}-labels-idx1-ubyte.gz`)
			said.textContent = `${n.toLocaleString("en")} images saved.`
		})
	}
}

/** An IDX file (magic number, sizes, bytes), gzipped: the uint8 arrays `parts` joined. */
function idx(parts, ...dimensions) {
	const head = new DataView(new ArrayBuffer(4 + 4 * dimensions.length))
	head.setUint32(0, 0x0800 + dimensions.length)
	dimensions.forEach((size, i) => head.setUint32(4 + 4 * i, size))
	const zipped = new Blob([head, ...parts]).stream().pipeThrough(new CompressionStream("gzip"))
	return new Response(zipped).blob()
}
