// A canvas to draw on with mouse, finger, pen or keys.

import { clamp, h } from "./dom.js"

/** Right and down of the arrow keys. */
export const KEYS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }

export class Pad {
	#at = null
	#down = false
	#changed

	/** `side` pixels a side, strokes `width` wide; `changed()` after every stroke's piece. */
	constructor(side, width, colour, name, changed) {
		this.#changed = changed
		this.element = h("canvas.pad", {
			width: side, height: side, tabindex: 0, role: "application", "aria-label": `${name}. Arrow keys move, space lifts or lowers the pen.`,
			onpointerdown: (event) => {
				this.element.setPointerCapture(event.pointerId)
				this.#at = null
				this.#stroke(this.#place(event))
			},
			onpointermove: (event) => event.buttons && this.#stroke(this.#place(event)),
			onkeydown: (event) => this.#key(event)
		})
		this.context = this.element.getContext("2d", { willReadFrequently: true })
		Object.assign(this.context, { lineWidth: width, lineCap: "round", lineJoin: "round", strokeStyle: colour })
	}

	clear() {
		this.context.clearRect(0, 0, this.element.width, this.element.height)
		this.#at = null
		this.#changed()
	}

	/** Whether pixel i, in reading order, has been drawn on. */
	marked() {
		const { width, height } = this.element
		const { data } = this.context.getImageData(0, 0, width, height)
		return Uint8Array.from({ length: width * height }, (_, i) => (data[4 * i + 3] > 127 ? 255 : 0))
	}

	#place({ clientX, clientY }) {
		const box = this.element.getBoundingClientRect()
		const scale = this.element.width / box.width
		return [(clientX - box.left) * scale, (clientY - box.top) * scale]
	}

	#stroke(to) {
		this.context.beginPath()
		this.context.moveTo(...(this.#at ?? to))
		this.context.lineTo(...to)
		this.context.stroke()
		this.#at = to
		this.#changed()
	}

	#key(event) {
		const side = this.element.width
		if (event.key === " ") this.#down = !this.#down
		else if (!(event.key in KEYS)) return
		event.preventDefault()
		const [x, y] = this.#at ?? [side / 2, side / 2]
		const [right, down] = KEYS[event.key] ?? [0, 0]
		const to = [x + (right * side) / 28, y + (down * side) / 28].map((value) => clamp(value, 0, side))
		if (this.#down) this.#stroke(to)
		else this.#at = to
	}
}
