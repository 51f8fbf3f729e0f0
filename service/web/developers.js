// For developers: what the page asks for as code to copy, and how the service is doing.

import { address, ask, Failure, onAnswer } from "./api.js"
import { button, h } from "./dom.js"
import { onChange } from "./state.js"

const EVERY_MS = 4000
const panel = document.getElementById("developers")
const status = document.getElementById("status")
let latency = ""
let engine = ""

/** Shows the requests of `source()`, each {path, body, file}, while the panel is open. */
export function attach(source) {
	const place = h("div.snippets")
	panel.append(place, h("p", "More: ", h("a", { href: "docs" }, "the API's documentation"), ", ", h("a", { href: "metrics" }, "metrics"), "."))
	// After the view has followed the same change.
	const draw = () => setTimeout(() => panel.open && place.replaceChildren(...source().flatMap(snippets)))
	panel.addEventListener("toggle", () => (draw(), measure()))
	onChange(draw)
	onAnswer(({ ms, data, path }) => {
		if (path !== "metrics") latency = `/${path} ${ms.toFixed(0)} ms${data.timings ? `, ${data.timings.run.toFixed(1)} of it in the network` : ""}`
		say()
	})
	setInterval(measure, EVERY_MS)
}

function say() {
	status.textContent = [latency, engine].filter(Boolean).join(" · ")
}

/** From the service's metrics, while somebody looks. */
async function measure() {
	if (document.hidden || !panel.open) return
	try {
		const text = await ask("metrics", { as: "text" })
		const sum = (name) => [...text.matchAll(new RegExp(`^mnist_gan_${name}(?:{.*})? (.+)$`, "gm"))].reduce((total, [, value]) => total + Number(value), 0)
		const runs = sum("executions_total")
		engine = `${runs.toLocaleString("en")} runs, ${(sum("images_total") / (runs || 1)).toFixed(1)} images a batch · queue ${sum("queue_images")}`
	} catch (error) {
		if (!(error instanceof Failure)) throw error
		engine = "no metrics"
	}
	say()
}

function snippets({ path, body, file }) {
	const url = address(path)
	const json = JSON.stringify(body)
	return Object.entries({
		curl: `curl ${url} -d '${json}'${file ? ` -o ${file}` : ""}`,
		Python: `${file ? "from pathlib import Path\n" : ""}import httpx\n\nanswer = httpx.post("${url}", json=${json.replace(":true", ":True")})\n${file ? `Path("${file}").write_bytes(answer.content)` : "print(answer.json())"}`,
		JavaScript: `const answer = await fetch("${url}", {\n  method: "POST",\n  headers: { "Content-Type": "application/json" },\n  body: JSON.stringify(${json}),\n});\nconst result = await answer.${file ? "blob" : "json"}();`
	}).map(([name, code]) => {
		const copy = button("Copy", async () => {
			await navigator.clipboard.writeText(code)
			copy.textContent = "Copied"
		}, { "aria-label": `Copy the ${name} code` })
		return h("figure", h("figcaption", name, copy), h("pre", { tabindex: 0, role: "region", "aria-label": `${name} code` }, code))
	})
}
