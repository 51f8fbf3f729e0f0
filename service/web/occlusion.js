// Where a score comes from: by how much it falls when a patch is blackened.

import { ask } from "./api.js"
import { times } from "./dom.js"
import { canvas, SIDE, toPng } from "./pixels.js"

const PATCH = 7
const STRIDE = 3
const ACROSS = (SIDE - PATCH) / STRIDE + 1
const WARM = [255, 96, 40]
const COOL = [60, 140, 255]

/** The pixels that patch k of 64 covers. */
function pixels(k) {
	const [top, left] = [Math.floor(k / ACROSS) * STRIDE, (k % ACROSS) * STRIDE]
	return times(PATCH ** 2, (i) => (top + Math.floor(i / PATCH)) * SIDE + left + (i % PATCH))
}

/** The image with warm pixels where ink raises the score and cool ones where it lowers it: one request. */
export async function occlusion(model, seen, said, signal) {
	const pictures = times(ACROSS ** 2, (k) => {
		const copy = seen.slice()
		// Of the 64 that a request holds one must be whole: the first, whose corner is empty anyway.
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
		const colour = (fall > 0 ? WARM : COOL).map((level) => (0.45 + 0.4 * strength) * seen[i] + 0.7 * strength * (level - 0.5 * seen[i]))
		data.data.set([...colour, 255], 4 * i)
	})
	const out = canvas(null, "What the score depends on")
	out.getContext("2d").putImageData(data, 0, 0)
	return out
}
