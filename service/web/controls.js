// Inputs that show and change one field of the state.

import { button, h } from "./dom.js"
import { anySeed, set, state } from "./state.js"

/** Brings inputs up to date with the state, but the one that is being typed into. */
export function sync(root) {
	for (const input of root.querySelectorAll("[data-key]")) {
		if (input !== document.activeElement || input.type === "range") input.value = state[input.dataset.key]
		input.dispatchEvent(new Event("sync"))
	}
}

/** A slider for a field; `show` writes its value. */
function range(key, label, low, high, step, show) {
	const out = slider(label, low, high, step, show, state[key], (value) => set({ [key]: value }))
	out.querySelector("input").dataset.key = key
	return out
}

/** The same for no field: `changed(value)` hears. */
export function slider(label, min, max, step, show, value, changed) {
	const output = h("b", show(value))
	const say = () => (output.textContent = show(Number(input.value)))
	const input = h("input", { type: "range", min, max, step, value, "aria-label": label, onsync: say, oninput: say })
	input.addEventListener("input", () => changed(Number(input.value)))
	return h("label.field", h("span", label, output), input)
}

/** `options` are [value, name]. */
export function choice(key, label, options, read = String) {
	const select = h("select", { "data-key": key, onchange: () => set({ [key]: read(select.value) }) })
	for (const [value, name] of options) select.append(h("option", { value }, name))
	select.value = state[key]
	return h("label.field", h("span", label), select)
}

export const variety = () => range("truncation", "Variety", 0.1, 1, 0.05, (value) => `${Math.round(value * 100)}%`)

/** With a die, which also makes these `changes`. */
export function seed(changes = {}) {
	const input = h("input", {
		type: "number", min: 0, max: 2 ** 32 - 1, step: 1, value: state.seed, "data-key": "seed",
		oninput: () => input.value !== "" && input.validity.valid && set({ seed: Number(input.value) }),
		onblur: () => (input.value = state.seed)
	})
	const die = button("⚄", () => set({ ...changes, seed: anySeed() }), { class: "die", "aria-label": "Another seed" })
	return h("div.seed", h("label.field", h("span", "Seed"), input), die)
}
