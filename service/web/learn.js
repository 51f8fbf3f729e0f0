// Learn: how a model came to draw. The same samples at every stage of its training, and the game's curves.

import { ask } from "./api.js"
import { chart } from "./chart.js"
import { button, h, heading } from "./dom.js"
import { Latest } from "./latest.js"
import { all, current } from "./models.js"
import { Player } from "./player.js"
import { set, state } from "./state.js"

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
	const latest = new Latest(place)
	let digest = ""
	let show = () => {}

	root.append(heading("Learn", "From noise to handwriting: the same latent vectors at every stage of training."), place)

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
		const player = new Player("Step of training", "Training", step, () => show(), (t) => Math.min(1, t / SECONDS), (at) => (at % 1) * SECONDS)
		place.replaceChildren(h("div.two", h("div.big", screen, player.element, h("div", player.button)), h("div.view", charts.map(({ element }) => element))))
		player.begin()
	}

	return {
		update() {
			if (digest === current().digest) return show()
			digest = current().digest
			show = () => {}
			if (current().history) return latest.run(load)
			latest.stop()
			const others = all().filter(({ history }) => history)
			place.replaceChildren(
				h("p", `The ${current().title} came without a record of its training. ${others.length ? "These have one:" : "So did all others."}`),
				h("div.actions", others.map(({ name, title }) => button(title, () => set({ model: name, at: 0 })))))
		},
		requests: () => []
	}
}
