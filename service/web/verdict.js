// What a discriminator's score means, and where it comes from.

import { ask } from "./api.js"
import { h, times } from "./dom.js"
import { detail } from "./models.js"
import { canvas, SIDE, toPng } from "./pixels.js"

const WIDTH = 400
const PATCH = 7
const STRIDE = 3
const ACROSS = (SIDE - PATCH) / STRIDE + 1
const WARM = [255, 96, 40]
const COOL = [60, 140, 255]

/** What to show of a score: all of it is relative to the model's own generator. */
export async function verdict(model, seen, whole, { logit, threshold }, signal) {
	const { kind, real_quantiles: real, generated_quantiles: own } = (await detail(model.name, signal)).manifest.score
	signal.throwIfAborted()
	const all = [...real, ...own, logit]
	const low = Math.min(...all)
	const x = (value) => ((value - low) / (Math.max(...all) - low || 1)) * WIDTH
	const band = (name, title, [from, middle, to], y) => [
		h(`rect.${name}`, { x: x(from), y, width: x(to) - x(from), height: 8, opacity: 0.35 }),
		h(`rect.${name}`, { x: x(middle) - 1, y: y - 2, width: 3, height: 12 }),
		h("text", { x: 0, y: y - 6 }, title)
	]
	const at = x(logit)
	return [
		h("h3", `${model.title}: more like ${logit > threshold ? "MNIST's digits than its own" : "its own digits than MNIST's"}`),
		h("div.ruler", h("svg", { viewBox: `0 0 ${WIDTH} 92`, role: "img", "aria-label": `Score ${logit.toFixed(2)}` },
			...band("real", "Real digits, 5 to 95%", real, 24), ...band("own", "Its own samples", own, 58),
			...[20, 54].map((y) => h("line.here", { x1: at, x2: at, y1: y, y2: y + 16 })),
			h("text", { x: Math.min(WIDTH - 20, Math.max(20, at)), y: 88, "text-anchor": "middle" }, logit.toFixed(2)))),
		h("p.note", `${kind === "logit" ? "Log-odds of real against generated" : "A critic's value"}, relative to this model's own generator: no measure of realness. Where the two are a match, the bands coincide.`)
	]
}

/** The pixels that patch k of 64 covers. */
function pixels(k) {
	const [top, left] = [Math.floor(k / ACROSS) * STRIDE, (k % ACROSS) * STRIDE]
	return times(PATCH ** 2, (i) => (top + Math.floor(i / PATCH)) * SIDE + left + (i % PATCH))
}

/** The image, warm where ink raises the score and cool where it lowers it: one request. */
export async function occlusion(model, seen, said, signal) {
	const pictures = times(ACROSS ** 2, (k) => {
		const copy = seen.slice()
		// One of the 64 must be whole: the first, whose corner is empty anyway.
		if (k) for (const pixel of pixels(k)) copy[pixel] = 0
		return toPng(copy)
	})
	const body = { model: model.name, images: pictures, fit: false, invert: false, label: said.likeliest_label ?? undefined }
	const scores = (await ask("score", { body, signal })).scores.map(({ logit }) => logit)
	const [falls, covers] = [new Float32Array(SIDE ** 2), new Uint8Array(SIDE ** 2)]
	scores.forEach((score, k) => {
		for (const pixel of pixels(k)) {
			falls[pixel] += scores[0] - score
			covers[pixel]++
		}
	})
	const map = falls.map((fall, i) => fall / covers[i])
	const most = Math.max(...map.map(Math.abs)) || 1
	const data = new ImageData(SIDE, SIDE)
	map.forEach((fall, i) => {
		const strength = Math.abs(fall) / most
		const colour = (fall > 0 ? WARM : COOL).map((level) => 0.45 * seen[i] + strength * (0.7 * level + 0.05 * seen[i]))
		data.data.set([...colour, 255], 4 * i)
	})
	const out = canvas(null, "What the score depends on")
	out.getContext("2d").putImageData(data, 0, 0)
	return out
}
