// A discriminator's score, on a ruler between real digits and its generator's own.

import { h } from "./dom.js"
import { detail } from "./models.js"

const WIDTH = 400

/** What to show of a score; it is relative to the model's own generator, and so is what is said. */
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
		h("p.note", `The score is ${kind === "logit" ? "the log-odds of real against generated" : "a critic's value"}, relative to this model's own generator: no measure of realness. Where the two are a match, the bands coincide.`)
	]
}
