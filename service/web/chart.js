// A line chart: a few curves over training steps, with a marker.

import { h } from "./dom.js"

const WIDTH = 480
const HEIGHT = 130

/** `lines` are [name, a value or null for each step]. Gives {element, mark(step)}. */
export function chart(title, steps, lines, { low = 0, high, guide } = {}) {
	const values = lines.flatMap((line) => line[1]).filter(Number.isFinite)
	const bottom = Math.min(low, ...values)
	const top = high ?? Math.max(...values)
	const x = (step) => ((step - steps[0]) / (steps.at(-1) - steps[0] || 1)) * WIDTH
	const y = (value) => (1 - (value - bottom) / (top - bottom || 1)) * HEIGHT
	const levels = [bottom, top, guide].filter(Number.isFinite).flatMap((value) => [
		h("line.grid", { x1: 0, x2: WIDTH, y1: y(value), y2: y(value) }),
		h("text", { x: -6, y: y(value) + 4, "text-anchor": "end" }, Number(value.toPrecision(2)))
	])
	const curves = lines.map(([, line], k) => {
		const points = steps.flatMap((step, i) => (Number.isFinite(line[i]) ? `${x(step).toFixed(1)} ${y(line[i]).toFixed(1)}` : []))
		return h(`path.${"abc"[k]}`, { d: `M${points.join("L")}` })
	})
	const here = h("line.here", { y1: 0, y2: HEIGHT })
	const picture = h("svg", { viewBox: `-30 -9 ${WIDTH + 30} ${HEIGHT + 18}`, role: "img", "aria-label": title }, ...levels, ...curves, here)
	return {
		element: h("figure", h("h3", title), picture, lines[1] && h("p.legend", lines.map(([name], k) => h(`span.${"abc"[k]}`, name)))),
		mark(step) {
			here.setAttribute("x1", x(step))
			here.setAttribute("x2", x(step))
		}
	}
}
