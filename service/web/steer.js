// Steer: one digit, moved along measured directions and bare coordinates of z.

import { slider } from "./controls.js"
import { button, h, heading, times, title } from "./dom.js"
import { latest } from "./latest.js"
import { current, detail, labelled } from "./models.js"
import { describe } from "./picked.js"
import { canvas, images, paint } from "./pixels.js"
import { anySeed, set, state, tileKey } from "./state.js"

const COORDINATES = 10
const LOOKS = 7

/** Groups that are folded away. */
const MORE = ["Towards a digit", "Unsupervised"]
const kindOf = ({ name }) => (name.startsWith("digit_") ? 1 : /^(sefa|principal)_/.test(name) ? 2 : 0)
const label = (name, trait) => title(name) + (trait && trait !== name ? `: ${title(trait)}` : "")

const start = () => state.picked[0] ?? { seed: state.seed, label: current().conditional ? 3 : null }

export function open(root) {
	const after = canvas(null, "Steered")
	const before = canvas(null, "Before")
	const caption = h("span")
	const named = h("section", { "aria-label": "Directions" })
	const dims = h("div.dims")
	const bare = h("details", h("summary", "The first coordinates of z"), dims)
	const asking = latest(after)
	const building = latest(named)
	let built = ""
	let base = null
	let directions = []

	root.append(
		heading("Steer", "Some directions in latent space mean something. Pull on one: what changes, what stays?"),
		h("div.pair", h("div.big", after, "steered"), h("div.big", before, caption)),
		h("div.actions",
			button("Back to the start", () => reset({})),
			button("Another digit", () => reset({ picked: [], seed: anySeed() }))),
		named, bare)

	function reset(changes) {
		built = ""
		set({ ...changes, moves: {} })
	}

	function body(latents) {
		return { model: current().name, latents, labels: labelled(current(), base.label) }
	}

	function steered() {
		const moves = Object.fromEntries(directions.flatMap(({ name }) => (state.moves[name] ? [[name, state.moves[name]]] : [])))
		return { ...body([base.latent.map((value, i) => state.moves[`z${i}`] ?? value)]), directions: moves }
	}

	function lever(name, label, low, high, value, digits) {
		return slider(label, low, high, (high - low) / 200, (at) => at.toFixed(digits), state.moves[name] ?? value, (at) =>
			set({ moves: { ...state.moves, [name]: Number(at.toFixed(2)) } }))
	}

	/** Sliders, each with how the digit looks along it. */
	async function build(signal) {
		const { manifest } = await detail(current().name, signal)
		const found = await describe(start(), signal)
		signal.throwIfAborted()
		base = found
		directions = manifest.directions
		paint(before, base.image)
		caption.textContent = `seed ${base.seed}${base.label === null ? "" : `, a ${base.label}`}`
		const looks = directions.map(() => h("div.strip", { "aria-hidden": true }))
		const limit = manifest.prior === "normal" ? 3 : 1
		const rows = directions.map(({ name, range: [low, high], found }, k) =>
			h("div.direction", looks[k], lever(name, label(name, found?.trait), low, high, 0, 2)))
		const group = (kind) => rows.filter((_, k) => kindOf(directions[k]) === kind)
		named.replaceChildren(...group(0), ...MORE.map((name, i) => group(i + 1).length ? h("details", h("summary", name), group(i + 1)) : ""))
		dims.replaceChildren(...base.latent.slice(0, COORDINATES).map((value, i) => lever(`z${i}`, `z${i}`, -limit, limit, value, 2)))
		bare.open ||= !directions.length
		follow()
		const decode = (latents, directions) => images("decode", { ...body(latents), directions }, signal)
		const look = ({ name, vector, range: [low, high] }) => {
			const amounts = times(LOOKS, (i) => low + ((high - low) * i) / (LOOKS - 1))
			if (vector) return decode(amounts.map((at) => base.latent.map((z, j) => z + at * vector[j])))
			// It bends.
			return Promise.all(amounts.map((at) => decode([base.latent], { [name]: at }))).then((each) => each.flat())
		}
		await Promise.all(directions.map(async (one, k) => looks[k].append(...(await look(one)).map((image) => canvas(image)))))
	}

	function follow() {
		const asked = steered()
		asking.run(async (signal) => paint(after, (await images("decode", asked, signal))[0]))
	}

	return {
		update() {
			const wanted = `${current().digest} ${tileKey(start())} ${state.truncation}`
			if (wanted !== built) {
				base = null
				building.run(build)
			} else if (base) follow()
			built = wanted
		},
		requests: () => (base ? [{ path: "decode", body: { ...steered(), format: "png", scale: 8 }, file: "steered.png" }] : [])
	}
}
