// A canvas to draw on with mouse, finger, pen or keys.

import { clamp, h } from "./dom.js"

/** Right and down of the arrow keys. */
export const KEYS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }

/** `changed()` after every piece of a stroke. Gives {element, context, clear, marked}. */
export function pad(side, width, colour, name, changed) {
	let at = null
	let down = false
	const element = h("canvas.pad", {
		width: side, height: side, tabindex: 0, role: "application", "aria-label": `${name}. Arrow keys move, space lifts or lowers the pen.`,
		onpointerdown: (event) => {
			element.setPointerCapture(event.pointerId)
			at = null
			stroke(place(event))
		},
		onpointermove: (event) => event.buttons && stroke(place(event)),
		onkeydown: (event) => {
			if (event.key === " ") down = !down
			else if (!(event.key in KEYS)) return
			event.preventDefault()
			const step = (KEYS[event.key] ?? [0, 0]).map((way) => (way * side) / 28)
			const to = (at ?? [side / 2, side / 2]).map((value, i) => clamp(value + step[i], 0, side))
			if (down) stroke(to)
			else at = to
		}
	})
	const context = element.getContext("2d", { willReadFrequently: true })
	Object.assign(context, { lineWidth: width, lineCap: "round", lineJoin: "round", strokeStyle: colour })

	function place({ clientX, clientY }) {
		const box = element.getBoundingClientRect()
		return [clientX - box.left, clientY - box.top].map((value) => (value * side) / box.width)
	}

	function stroke(to) {
		context.beginPath()
		context.moveTo(...(at ?? to))
		context.lineTo(...to)
		context.stroke()
		at = to
		changed()
	}

	return {
		element,
		context,
		clear() {
			context.clearRect(0, 0, side, side)
			at = null
			changed()
		},
		/** Whether pixel i, in reading order, has been drawn on. */
		marked() {
			const { data } = context.getImageData(0, 0, side, side)
			return Uint8Array.from({ length: side * side }, (_, i) => (data[4 * i + 3] > 127 ? 255 : 0))
		}
	}
}
