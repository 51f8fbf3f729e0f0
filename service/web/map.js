// A map of latent space: all of it where it has two dimensions, else a sheet through three seeds.

import { choice } from "./controls.js"
import { clamp, h, times } from "./dom.js"
import { Latest } from "./latest.js"
import { current, labelled } from "./models.js"
import { KEYS } from "./pad.js"
import { describe } from "./picked.js"
import { canvas, images, paint, sheet } from "./pixels.js"
import { nextSeed, set, state } from "./state.js"

const CELLS = 12
/** Nearly all of N(0, 1). */
const REACH = 3

const exact = () => current().latent_dim <= 2
const reach = () => (exact() && current().prior === "normal" ? REACH : 1)

/** z at (x, y) in [-1, 1]² between three corners' z; without corners, of two dimensions. */
function pointAt([x, y], corners) {
	if (!corners) return [x, y].slice(0, current().latent_dim).map((value) => value * reach())
	// The corners lie left and right below and in the middle above; outside their triangle it goes on.
	const above = (y + 1) / 2
	const right = (x + 1) / 2 - above / 2
	const weights = [1 - above - right, right, above]
	const z = corners[0].map((_, i) => weights.reduce((sum, weight, k) => sum + weight * corners[k][i], 0))
	if (current().prior === "uniform") return z.map((value) => clamp(value, -1, 1))
	// In many dimensions the prior lives on a shell: a mean of its points is pushed out to it again, like slerp.
	const shell = corners.reduce((sum, corner) => sum + Math.hypot(...corner) / 3, 0) / Math.hypot(...z)
	return z.map((value) => value * shell)
}

function seeds() {
	const out = new Set(state.picked.map(({ seed }) => seed))
	for (let i = 0; out.size < 3; i++) out.add(nextSeed(state.picked[0]?.seed ?? state.seed, i))
	return [...out]
}

export class Chart {
	#sea = canvas()
	#digit = canvas(null, "The digit at this point")
	#title = h("h3")
	#lede = h("p.note")
	#where = h("p")
	#digits = choice("digit", "Digit", times(10, (digit) => [digit, digit]), Number)
	#frame
	#background
	#follower
	/** undefined: not known yet; null: none needed. */
	#corners
	#drawn = ""
	#at = ""

	constructor(root) {
		const go = (...point) => {
			const [x, y] = point.map((value) => Math.round(clamp(value, -1, 1) * 1000) / 1000)
			set({ x, y })
		}
		const move = ({ clientX, clientY }) => {
			const { left, top, width } = this.#frame.getBoundingClientRect()
			go((2 * (clientX - left)) / width - 1, 1 - (2 * (clientY - top)) / width)
		}
		this.#frame = h("div.map", {
			tabindex: 0, role: "slider", "aria-label": "Map of latent space: arrow keys move", "aria-valuemin": -1, "aria-valuemax": 1,
			onpointermove: move, onpointerdown: move,
			onkeydown: (event) => {
				if (!(event.key in KEYS)) return
				event.preventDefault()
				const [right, down] = KEYS[event.key].map((way) => way * (event.shiftKey ? 0.2 : 0.04))
				go(state.x + right, state.y - down)
			}
		}, this.#sea)
		root.append(h("section", { "aria-label": "Map" }, this.#title, this.#lede,
			h("div.two", h("div.big", this.#digit, this.#where, this.#digits), this.#frame)))
		this.#background = new Latest(this.#frame)
		this.#follower = new Latest(this.#digit)
	}

	update() {
		const { title, latent_dim: width, digest, conditional } = current()
		this.#digits.hidden = !conditional
		this.#title.textContent = exact() ? "The whole latent space" : "A sheet through three seeds"
		this.#lede.textContent = `${exact() ? `Two numbers make a digit: this is all of the ${title}` : `Of the ${title}'s ${width} dimensions, two: a sheet through the seeds ${seeds().join(", ")}`}. Move over it, or use the arrow keys.`
		const { x, y } = state
		this.#where.textContent = `x ${(x * reach()).toFixed(2)}, y ${(y * reach()).toFixed(2)}`
		this.#frame.style.setProperty("--left", `${50 * (x + 1)}%`)
		this.#frame.style.setProperty("--top", `${50 * (1 - y)}%`)
		this.#frame.ariaValueNow = x
		this.#frame.ariaValueText = this.#where.textContent
		const drawn = JSON.stringify([digest, exact() || seeds(), conditional && state.digit])
		if (drawn !== this.#drawn) {
			this.#drawn = drawn
			this.#corners = undefined
			this.#at = ""
			this.#background.run((signal) => this.#draw(signal))
		}
		this.#follow()
	}

	requests() {
		return this.#corners === undefined ? [] : [{ path: "decode", body: { ...this.#body([[state.x, state.y]]), format: "png", scale: 8 }, file: "point.png" }]
	}

	#body(points) {
		const latents = points.map((point) => pointAt(point, this.#corners).map((value) => Math.round(value * 1e4) / 1e4))
		return { model: current().name, latents, labels: labelled(current(), state.digit) }
	}

	async #draw(signal) {
		const corners = exact() ? null : await Promise.all(seeds().map((seed) => describe({ seed, label: null }, signal)))
		signal.throwIfAborted()
		this.#corners = corners?.map(({ latent }) => latent) ?? null
		this.#follow()
		const middle = (k) => ((k + 0.5) * 2) / CELLS - 1
		const points = times(CELLS ** 2, (i) => [middle(i % CELLS), -middle(Math.floor(i / CELLS))])
		const sea = sheet(await images("decode", this.#body(points), signal), CELLS)
		this.#sea.replaceWith(sea)
		this.#sea = sea
	}

	#follow() {
		if (this.#corners === undefined) return
		const body = this.#body([[state.x, state.y]])
		const at = JSON.stringify(body)
		if (at !== this.#at) this.#follower.run(async (signal) => paint(this.#digit, (await images("decode", body, signal))[0]))
		this.#at = at
	}
}
