// A grid of images that is walked with the arrow keys and picked from with click, Enter or space.

import { h } from "./dom.js"
import { KEYS } from "./pad.js"
import { canvas, paint } from "./pixels.js"

const COLUMNS = 10

/** `pick(i)` hears which tile was chosen. */
export class Tiles {
	#cells = []

	constructor(label, pick) {
		this.element = h("div.tiles", {
			role: "listbox", "aria-label": label, "aria-multiselectable": "true",
			onclick: (event) => {
				const i = this.#cells.indexOf(event.target.closest("[role=option]"))
				if (i >= 0) this.#focus(i), pick(i)
			},
			onkeydown: (event) => {
				const i = this.#cells.indexOf(document.activeElement)
				const [right, down] = KEYS[event.key] ?? []
				const to = { Home: 0, End: this.#cells.length - 1 }[event.key] ?? i + right + COLUMNS * down
				if (this.#cells[to]) this.#focus(to)
				else if (event.key === "Enter" || event.key === " ") pick(i)
				else return
				event.preventDefault()
			}
		})
	}

	/** Shows these images; `name(i)` describes one, `letter(i)` marks it as chosen. */
	show(images, name, letter) {
		while (this.#cells.length < images.length) {
			const cell = h("div", { role: "option", tabindex: this.#cells.length ? -1 : 0 }, canvas())
			this.#cells.push(cell)
			this.element.append(cell)
		}
		for (const cell of this.#cells.splice(images.length)) cell.remove()
		if (!this.#cells.some((cell) => cell.tabIndex === 0)) this.#cells[0].tabIndex = 0
		images.forEach((image, i) => paint(this.#cells[i].firstChild, image))
		this.mark(name, letter)
	}

	mark(name, letter) {
		this.#cells.forEach((cell, i) => {
			cell.ariaLabel = name(i)
			cell.ariaSelected = Boolean(letter(i))
			cell.dataset.letter = letter(i) ?? ""
		})
	}

	#focus(i) {
		for (const cell of this.#cells) cell.tabIndex = -1
		this.#cells[i].tabIndex = 0
		this.#cells[i].focus()
	}
}
