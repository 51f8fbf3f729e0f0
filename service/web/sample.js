// Sample: a grid of images from one seed. The other views start from the tiles that are picked here.

import { choice, seed, variety } from "./controls.js"
import { button, h, heading, times } from "./dom.js"
import { download } from "./files.js"
import { latest } from "./latest.js"
import { current, labelled } from "./models.js"
import { images } from "./pixels.js"
import { nextSeed, set, state, tileKey } from "./state.js"
import { tiles } from "./tiles.js"

const COLUMNS = 10
const COUNTS = [10, 30, 60, 100, 250]

/** Of tile i; null where the model takes none or draws its own. */
function labelAt(i) {
	if (!current().conditional || state.labels === "mixed") return null
	return state.labels === "rows" ? i % COLUMNS : Number(state.labels)
}

const tileAt = (i) => ({ seed: nextSeed(state.seed, i), label: labelAt(i) })
const pickedAt = (tile) => state.picked.findIndex((other) => tileKey(other) === tileKey(tile))

/** The body of /generate for what the grid shows. */
function wanted(format) {
	const { n, seed, truncation } = state
	const labels = labelAt(0) === null ? null : times(n, labelAt)
	const shape = format === "png" ? { columns: COLUMNS, scale: 4 } : {}
	return { model: current().name, n, seed, truncation, labels: labelled(current(), labels), format, ...shape }
}

export function open(root) {
	const grid = tiles("Generated digits", pick)
	const asking = latest(grid.element)
	const saving = latest(grid.element)
	const chosen = h("section.chosen", { "aria-label": "Picked digits", "aria-live": "polite" })
	const picking = latest(chosen)
	const counts = [...new Set([...COUNTS, state.n])].sort((a, b) => a - b)
	const digits = choice("labels", "Digits", [
		["rows", "Rows of 0 to 9"], ["mixed", "As they come"], ...times(10, (digit) => [digit, `Only ${digit}`])
	])
	const dataset = h("details", { ontoggle: () => dataset.children.length < 2 && import("./dataset.js").then(({ fill }) => fill(dataset)) },
		h("summary", "A data set in MNIST's format"))
	let asked = ""

	root.append(
		heading("Sample", "Nobody wrote these. Each tile is one seed through the generator; a seed is always the same digit."),
		h("div.controls",
			seed(),
			digits,
			choice("n", "How many", counts.map((n) => [n, n]), Number),
			variety()),
		h("div.sheet", grid.element),
		chosen,
		h("div.actions",
			h("span", "Download"),
			["png", "npy", "zip"].map((format) =>
				button(format.toUpperCase(), () => download(saving, "generate", wanted(format), `${current().name}-${state.seed}`)))),
		dataset)

	function pick(i) {
		const known = pickedAt(tileAt(i))
		set({ picked: known >= 0 ? state.picked.toSpliced(known, 1) : [...state.picked, tileAt(i)].slice(-3) })
	}

	const letter = (i) => "ABC"[pickedAt(tileAt(i))]
	const name = (i) => `${labelAt(i) ?? "digit"}, seed ${tileAt(i).seed}`

	return {
		update() {
			digits.hidden = !current().conditional
			const body = wanted("npy")
			if (JSON.stringify(body) === asked) grid.mark(name, letter)
			else {
				asked = JSON.stringify(body)
				asking.run(async (signal) => grid.show(await images("generate", body, signal), name, letter))
			}
			if (state.picked.length || chosen.firstChild) import("./picked.js").then(({ show }) => show(chosen, picking))
		},
		requests: () => [{ path: "generate", body: wanted("png"), file: "digits.png" }]
	}
}
