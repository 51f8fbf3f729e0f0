// Learn: the same samples at every stage of a model's training, its curves, and the game in one dimension.

import { ask } from "./api.js"
import { chart } from "./chart.js"
import { calm, h, heading } from "./dom.js"
import { latest } from "./latest.js"
import { current } from "./models.js"
import { player } from "./player.js"
import { state } from "./state.js"

const FRAME = 280
const SECONDS = 8
/** Title, which curves, and how they are drawn. */
const CHARTS = [
	["The discriminator, of real and of generated digits", /\/D\(/, { high: 1, guide: 0.5 }],
	["Fréchet distance to real digits", /^frechet_distance$/],
	["Distance, as the critic estimates it", /critic\/distance$/],
	["Losses", /\/loss$/, { low: Infinity }]
]

export function open(root) {
	const place = h("section", { "aria-label": "Training" })
	const asking = latest(place)
	let digest = ""
	let show = () => {}

	root.append(
		heading("Learn", "From noise to handwriting: the same latent vectors at every stage of training."),
		place,
		h("details", { open: !calm() }, h("summary", "The game in one dimension"),
			h("p.note", "G (green) moves its samples to where D (dashed) is high; D learns to tell them from the data (dotted). When the two are the same, all that D can say is 1/2."),
			h("img", { src: "web/game.webp", width: 480, height: 330, loading: "lazy", alt: "The green curve moves over the dotted one, and the dashed line falls level" })))

	async function load(signal) {
		const path = `models/${current().name}/history`
		const [{ steps, curves, frames }, blob] = await Promise.all([ask(path, { signal }), ask(`${path}.webp`, { signal, as: "blob" })])
		const film = await createImageBitmap(blob)
		signal.throwIfAborted()
		const screen = h("canvas", { width: FRAME, height: FRAME, role: "img", "aria-label": "Samples at this step" })
		const step = h("b")
		const charts = CHARTS.flatMap(([title, which, options]) => {
			const lines = Object.entries(curves).filter(([name]) => which.test(name)).slice(0, 3)
			return lines.length ? [chart(title, steps, lines.map(([name, values]) => [name.replace(/\/loss$|^.*\/(?=D)/, ""), values]), options)] : []
		})
		show = () => {
			const i = Math.round(state.at * (frames.length - 1))
			screen.getContext("2d").drawImage(film, 0, -i * FRAME)
			step.textContent = `step ${frames[i].toLocaleString("en")}`
			for (const { mark } of charts) mark(frames[i])
		}
		const scrub = player("Step of training", "Training", step, () => show(), (t) => Math.min(1, t / SECONDS), (at) => (at % 1) * SECONDS)
		place.replaceChildren(h("div.two", h("div.big", screen, scrub.element, h("div", scrub.toggle)), h("div.view", charts.map(({ element }) => element))))
		scrub.begin()
	}

	return {
		update() {
			if (digest === current().digest) return show()
			digest = current().digest
			show = () => {}
			if (current().history) return asking.run(load)
			asking.stop()
			place.replaceChildren(h("p", `The ${current().title} came without a record of its training.`))
		}
	}
}
