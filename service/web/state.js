// All that a link must say to show the same picture again: #walk?seed=7&model=gan

const SEEDS = 2 ** 32

/** Default, reader, writer. What makes no sense is read as the default. */
const field = (fallback, read, write = String) => ({ fallback, read, write })
const text = (fallback) => field(fallback, (value) => value.slice(0, 64))
const number = (low, high, fallback) => field(fallback, (value) => (value.trim() && value >= low && value <= high ? Number(value) : fallback))
const whole = (low, high, fallback) => field(fallback, (value) => Math.round(number(low, high, fallback).read(value)))
const among = (...values) => field(values[0], (value) => (values.includes(value) ? value : values[0]))
/** {name: number}, written name:1.5,other:-2 */
const amounts = field({},
	(value) => Object.fromEntries([...value.matchAll(/(\w{1,32}):(-?[\d.]+)/g)].map(([, name, amount]) => [name, Number(amount) || 0])),
	(value) => Object.entries(value).map((pair) => pair.join(":")).join())
/** Tiles {seed, label}, written 17:3,18: label null where the model takes none. */
const tiles = field([],
	(value) => [...value.matchAll(/(\d{1,10})(?::(\d))?(?:,|$)/g)].slice(0, 3).map(([, seed, label]) => ({ seed: seed % SEEDS, label: label ? +label : null })),
	(value) => value.map(tileKey).join())

const FIELDS = {
	model: text(""),
	seed: whole(0, SEEDS - 1, 1),
	n: whole(1, 250, 60),
	labels: among("rows", "mixed", ..."0123456789"),
	truncation: number(0.05, 1, 1),
	picked: tiles,
	text: text("2026"),
	redone: amounts,
	at: number(0, 1, 0),
	x: number(-1, 1, 0),
	y: number(-1, 1, 0),
	digit: whole(0, 9, 3),
	moves: amounts
}
export const VIEWS = ["sample", "write", "walk", "steer", "compare", "score", "learn"]

export const state = { view: "sample", ...read("") }
const listeners = []
let timer = 0

export const onChange = (listener) => listeners.push(listener)

/** The page follows at once, the address later: browsers limit how often. */
export function set(changes) {
	Object.assign(state, changes)
	clearTimeout(timer)
	timer = setTimeout(write, 150)
	for (const listener of listeners) listener()
}

/** The hash of this state with some changes; defaults are left out. */
export function link(changes = {}) {
	const wanted = { ...state, ...changes }
	const query = new URLSearchParams()
	for (const [name, field] of Object.entries(FIELDS)) {
		const value = field.write(wanted[name])
		if (value !== field.write(field.fallback)) query.set(name, value)
	}
	// Colons and commas are allowed there, and people read links too.
	const tail = query.toString().replaceAll("%3A", ":").replaceAll("%2C", ",")
	return `#${wanted.view}${tail && "?"}${tail}`
}

export const tileKey = ({ seed, label }) => (label === null ? `${seed}` : `${seed}:${label}`)

/** As the service counts: from 0 again after the last. */
export const nextSeed = (seed, i) => (seed + i) % SEEDS
export const anySeed = () => crypto.getRandomValues(new Uint32Array(1))[0] % 100_000

export function write() {
	clearTimeout(timer)
	if (location.hash !== link()) history.replaceState(null, "", link())
}

function read(hash) {
	const query = new URLSearchParams(hash.split("?")[1] ?? "")
	return Object.fromEntries(
		Object.entries(FIELDS).map(([name, field]) => [name, query.has(name) ? field.read(query.get(name)) : field.fallback])
	)
}

function follow() {
	clearTimeout(timer)
	const view = location.hash.slice(1).split("?")[0]
	if (location.hash === "#stage") return; // The link that skips to the content.
	Object.assign(state, read(location.hash), { view: VIEWS.includes(view) ? view : "sample" })
	for (const listener of listeners) listener()
}

addEventListener("hashchange", follow)
addEventListener("click", write, true) // Before a link leads away.
addEventListener("pagehide", write)
follow()
