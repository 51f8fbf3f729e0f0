// A map of latent space: all of it where it has two dimensions, else a sheet through three seeds.

import { choice } from "./controls.js"
import { clamp, h, times } from "./dom.js"
import { latest } from "./latest.js"
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

/** z at (x, y) in [-1, 1]² between three corners' z, or of two dimensions. */
function pointAt([x, y], corners) {
	if (!corners) return [x, y].slice(0, current().latent_dim).map((value) => value * reach())
	// Corners lie left and right below and in the middle above; outside the triangle it goes on.
	const above = (y + 1) / 2
	const right = (x + 1) / 2 - above / 2
	const weights = [1 - above - right, right, above]
	const z = corners[0].map((_, i) => weights.reduce((sum, weight, k) => sum + weight * corners[k][i], 0))
	if (current().prior === "uniform") return z.map((value) => clamp(value, -1, 1))
	// The prior lives on a shell: a mean of its points is pushed out to it again, like slerp.
	const shell = corners.reduce((sum, corner) => sum + Math.hypot(...corner) / 3, 0) / Math.hypot(...z)
	return z.map((value) => value * shell)
}

function seeds() {
	const out = new Set(state.picked.map(({ seed }) => seed))
	for (let i = 0; out.size < 3; i++) out.add(nextSeed(state.picked[0]?.seed ?? state.seed, i))
	return [...out]
}

/** Gives {update, requests}, as a view does. */
export function map(root) {
	const title = h("h3")
	const lede = h("p.note")
	const where = h("p")
	const digit = canvas(null, "The digit at this point")
	const digits = choice("digit", "Digit", times(10, (one) => [one, one]), Number)
	const frame = h("div.map", {
		tabindex: 0, role: "slider", "aria-label": "Map of latent space: arrow keys move", "aria-valuemin": -1, "aria-valuemax": 1,
		onpointermove: point, onpointerdown: point,
		onkeydown: (event) => {
			if (!(event.key in KEYS)) return
			event.preventDefault()
			const [right, down] = KEYS[event.key].map((way) => way * (event.shiftKey ? 0.2 : 0.04))
			go(state.x + right, state.y - down)
		}
	}, canvas())
	const background = latest(frame)
	const follower = latest(digit)
	let corners // undefined: not known yet; null: none needed.
	let drawn = ""
	let at = ""

	root.append(h("section", { "aria-label": "Map" }, title, lede, h("div.two", h("div.big", digit, where, digits), frame)))

	function go(...to) {
		const [x, y] = to.map((value) => Math.round(clamp(value, -1, 1) * 1000) / 1000)
		set({ x, y })
	}

	function point({ clientX, clientY }) {
		const { left, top, width } = frame.getBoundingClientRect()
		go((2 * (clientX - left)) / width - 1, 1 - (2 * (clientY - top)) / width)
	}

	function body(points) {
		const latents = points.map((one) => pointAt(one, corners).map((value) => Math.round(value * 1e4) / 1e4))
		return { model: current().name, latents, labels: labelled(current(), state.digit) }
	}

	async function draw(signal) {
		const found = exact() ? null : await Promise.all(seeds().map((seed) => describe({ seed, label: null }, signal)))
		signal.throwIfAborted()
		corners = found?.map(({ latent }) => latent) ?? null
		follow()
		const middle = (k) => ((k + 0.5) * 2) / CELLS - 1
		const points = times(CELLS ** 2, (i) => [middle(i % CELLS), -middle(Math.floor(i / CELLS))])
		frame.replaceChildren(sheet(await images("decode", body(points), signal), CELLS))
	}

	function follow() {
		if (corners === undefined) return
		const asked = body([[state.x, state.y]])
		if (JSON.stringify(asked) !== at) follower.run(async (signal) => paint(digit, (await images("decode", asked, signal))[0]))
		at = JSON.stringify(asked)
	}

	return {
		update() {
			const { title: name, latent_dim, digest, conditional } = current()
			digits.hidden = !conditional
			title.textContent = exact() ? "The whole latent space" : "A sheet through three seeds"
			lede.textContent = `${exact() ? `Two numbers make a digit: this is all of the ${name}` : `Two of the ${name}'s ${latent_dim} dimensions, through the seeds ${seeds().join(", ")}`}. Move over it, or use the arrow keys.`
			const { x, y } = state
			where.textContent = `x ${(x * reach()).toFixed(2)}, y ${(y * reach()).toFixed(2)}`
			frame.style.setProperty("--left", `${50 * (x + 1)}%`)
			frame.style.setProperty("--top", `${50 * (1 - y)}%`)
			frame.ariaValueNow = x
			frame.ariaValueText = where.textContent
			const wanted = JSON.stringify([digest, exact() || seeds(), conditional && state.digit])
			if (wanted !== drawn) {
				corners = undefined
				at = ""
				background.run(draw)
			}
			drawn = wanted
			follow()
		},
		requests: () => (corners === undefined ? [] : [{ path: "decode", body: { ...body([[state.x, state.y]]), format: "png", scale: 8 }, file: "point.png" }])
	}
}
