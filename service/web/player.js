// A scrubber over the state's `at`, from 0 to 1, with a button that lets it run.

import { button, calm, h } from "./dom.js"
import { set, state } from "./state.js"

export class Player {
	#show
	#way
	#running = false
	#input
	#button = button("Play", () => this.play(!this.#running))

	/** `show()` draws what is at state.at; `there` makes it of seconds, `back` seconds of it. */
	constructor(label, left, right, show, there, back) {
		this.#show = show
		this.#way = [there, back]
		this.#input = h("input", {
			type: "range", min: 0, max: 1, step: 0.001, "data-key": "at", value: state.at, "aria-label": label,
			oninput: () => {
				this.play(false)
				set({ at: Number(this.#input.value) })
			}
		})
		this.button = this.#button
		this.element = h("label.field.scrub", h("span", h("span", left), h("span", right)), this.#input)
	}

	/** Starts, unless a link says where to stand or the reader wants calm. */
	begin() {
		this.#show()
		if (!state.at && !calm()) this.play(true)
	}

	play(on) {
		const [there, back] = this.#way
		this.#running = on
		this.#button.textContent = on ? "Pause" : "Play"
		const start = performance.now() / 1000 - (on && back(state.at))
		const tick = (now) => {
			if (!this.#running || !this.#input.isConnected) return
			this.#input.value = state.at = there(now / 1000 - start)
			this.#show()
			if (state.at < 1) requestAnimationFrame(tick)
			else this.play(false)
		}
		if (on) requestAnimationFrame(tick)
	}
}
