// Starts the page: the list of models, the navigation, and one view at a time.

import { card } from "./card.js"
import { sync } from "./controls.js"
import { h, title } from "./dom.js"
import { latest, stopAll } from "./latest.js"
import { all, current, load } from "./models.js"
import { tell } from "./notice.js"
import * as sample from "./sample.js"
import { link, onChange, set, state, VIEWS } from "./state.js"

const [stage, picker, place, list] = ["stage", "model", "card", "views"].map((id) => document.getElementById(id))
const links = VIEWS.map((view) => h("a", title(view)))
let view = null
let shown = ""

list.append(...links.map((anchor) => h("li", anchor)))
picker.addEventListener("change", () => set({ model: picker.value, moves: {} }))

async function follow() {
	links.forEach((anchor, i) => {
		anchor.href = link({ view: VIEWS[i] })
		anchor.ariaCurrent = VIEWS[i] === state.view ? "page" : null
	})
	picker.value = current().name
	card(place, current())
	if (shown === state.view) {
		sync(stage)
		return view?.update()
	}
	const opened = (shown = state.view)
	stopAll()
	view = null
	document.title = `${title(opened)} · Handwriting by no one`
	try {
		const module = opened === "sample" ? sample : await import(`./${opened}.js`)
		if (opened !== shown) return // Another was asked for.
		const root = h("div.view")
		stage.replaceChildren(root)
		view = module.open(root)
		view.update()
	} catch (error) {
		shown = ""
		tell(follow, "This part of the page did not load.", follow, true)
		console.warn(error)
	}
}

latest(stage).run(async (signal) => {
	await load(signal)
	picker.replaceChildren(...all().map((model) => h("option", { value: model.name }, model.title)))
	picker.disabled = false
	onChange(follow)
	follow()
	const { attach } = await import("./developers.js")
	attach(() => view?.requests?.() ?? [])
})
