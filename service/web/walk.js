// Walk: from one digit to another, along the sphere and along the straight line; and a map.

import { ask } from "./api.js"
import { button, h, heading, times } from "./dom.js"
import { download } from "./files.js"
import { latest } from "./latest.js"
import { map } from "./map.js"
import { current, labelled } from "./models.js"
import { canvas, fromPng, paint } from "./pixels.js"
import { player } from "./player.js"
import { anySeed, nextSeed, set, state } from "./state.js"

const STEPS = 48
const STRIP = 8
const SECONDS = 4
const WAYS = { slerp: "Slerp: along the sphere", lerp: "Lerp: the straight line" }

/** The two ends: the tiles that were picked, else the seed and its neighbour. */
function ends() {
	const [a = { seed: state.seed, label: null }, b = { seed: nextSeed(a.seed, 1), label: a.label }] = state.picked
	return [a, b]
}

function body(method, more) {
	const [a, b] = ends()
	const [from, to] = [a.label ?? 3, b.label ?? a.label ?? 3]
	// Half of the way it is the one digit, then the other.
	const labels = times(STEPS, (i) => (i < STEPS / 2 ? from : to))
	return { model: current().name, from: a.seed, to: b.seed, steps: STEPS, method, labels: labelled(current(), labels), ...more }
}
const film = (format) => body("auto", { format, loop: true, scale: 8, frame_ms: 40 })

export function open(root) {
	const names = h("p.note")
	const place = h("section", { "aria-label": "Between two digits" })
	const asking = latest(place)
	const saving = latest(place)
	const paths = Object.keys(WAYS).map((way) => ({ way, stage: canvas(null, way), strip: h("div.strip") }))
	// There and back, slow at the ends.
	const scrub = player("Position between A and B", "A", "B", show,
		(t) => (1 - Math.cos((2 * Math.PI * t) / SECONDS)) / 2.0001, (at) => (Math.acos(1 - 2 * at) * SECONDS) / (2 * Math.PI))
	const chart = map(root)
	let asked = ""

	place.append(
		names,
		h("div.pair", paths.map(({ way, stage, strip }) => h("div.big", stage, WAYS[way], strip))),
		scrub.element,
		h("div.actions", scrub.toggle,
			button("Other digits", () => set({ picked: [], seed: anySeed() })),
			h("span", "Download"),
			["gif", "webp"].map((format) => button(format.toUpperCase(), () => download(saving, "interpolate", film(format), "walk")))))
	root.prepend(heading("Walk", "Two digits are two points. What lies between is a digit too, or a guess at one."), place)

	function show() {
		for (const { frames, stage } of paths) if (frames) paint(stage, frames[Math.round(state.at * (STEPS - 1))])
	}

	async function walk(signal) {
		const found = await Promise.all(paths.map(async ({ way }) => {
			const { images } = await ask("interpolate", { body: body(way), signal })
			return Promise.all(images.map((image) => fromPng(image.b64_json)))
		}))
		signal.throwIfAborted()
		const first = !paths[0].frames
		paths.forEach((path, k) => {
			path.frames = found[k]
			path.strip.replaceChildren(...times(STRIP, (i) => canvas(found[k][Math.round((i * (STEPS - 1)) / (STRIP - 1))])))
		})
		if (first) scrub.begin()
		else show()
	}

	return {
		update() {
			const [a, b] = ends().map(({ seed, label }) => `seed ${seed}${label === null ? "" : ` (${label})`}`)
			names.textContent = `From A, ${a}, to B, ${b}.${state.picked[1] ? "" : " Pick others in Sample."}`
			const wanted = JSON.stringify(body())
			if (wanted !== asked) asking.run(walk)
			else show()
			asked = wanted
			chart.update()
		},
		requests: () => [{ path: "interpolate", body: film("gif"), file: "walk.gif" }, ...chart.requests()]
	}
}
