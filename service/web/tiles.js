// A grid of images, walked with the arrow keys, picked from with click, Enter or space.

import { h } from "./dom.js"
import { KEYS } from "./pad.js"
import { canvas, paint } from "./pixels.js"

const COLUMNS = 10

/** `pick(i)` hears which tile was chosen. Gives {element, show, mark}. */
export function tiles(label, pick) {
	const cells = []
	const element = h("div.tiles", {
		role: "listbox", "aria-label": label, "aria-multiselectable": "true",
		onclick: (event) => {
			const i = cells.indexOf(event.target.closest("[role=option]"))
			if (i >= 0) focus(i), pick(i)
		},
		onkeydown: (event) => {
			const i = cells.indexOf(document.activeElement)
			const [right, down] = KEYS[event.key] ?? []
			const to = { Home: 0, End: cells.length - 1 }[event.key] ?? i + right + COLUMNS * down
			if (cells[to]) focus(to)
			else if (event.key === "Enter" || event.key === " ") pick(i)
			else return
			event.preventDefault()
		}
	})

	function focus(i) {
		for (const cell of cells) cell.tabIndex = -1
		cells[i].tabIndex = 0
		cells[i].focus()
	}

	/** `name(i)` describes a tile, `letter(i)` marks it. */
	function mark(name, letter) {
		cells.forEach((cell, i) => {
			cell.ariaLabel = name(i)
			cell.ariaSelected = Boolean(letter(i))
			cell.dataset.letter = letter(i) ?? ""
		})
	}

	function show(images, name, letter) {
		while (cells.length < images.length) {
			cells.push(h("div", { role: "option", tabindex: -1 }, canvas()))
			element.append(cells.at(-1))
		}
		for (const cell of cells.splice(images.length)) cell.remove()
		if (cells.every((cell) => cell.tabIndex)) cells[0].tabIndex = 0
		images.forEach((image, i) => paint(cells[i].firstChild, image))
		mark(name, letter)
	}

	return { element, show, mark }
}
