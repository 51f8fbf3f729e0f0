// A scrubber over the state's `at`, from 0 to 1, with a button that lets it run.

import { button, calm, h } from "./dom.js"
import { set, state } from "./state.js"

/**
 * `show()` draws what is at state.at; `there` makes it of seconds, `back` seconds of it. Gives {element, toggle
 * (the button), begin()}: begins unless a link says where to stand or the reader wants calm.
 */
export function player(label, left, right, show, there, back) {
	let running = false
	const toggle = button("Play", () => play(!running))
	const input = h("input", {
		type: "range", min: 0, max: 1, step: 0.001, "data-key": "at", value: state.at, "aria-label": label,
		oninput: () => {
			play(false)
			set({ at: Number(input.value) })
		}
	})

	function play(on) {
		running = on
		toggle.textContent = on ? "Pause" : "Play"
		const start = performance.now() / 1000 - (on && back(state.at))
		const tick = (now) => {
			if (!running || !input.isConnected) return
			input.value = state.at = there(now / 1000 - start)
			show()
			if (state.at < 1) requestAnimationFrame(tick)
			else play(false)
		}
		if (on) requestAnimationFrame(tick)
	}

	return {
		element: h("label.field.scrub", h("span", h("span", left), h("span", right)), input),
		toggle,
		begin() {
			show()
			if (!state.at && !calm()) play(true)
		}
	}
}
