// Asks the service. Every refusal becomes a Failure with a sentence for the reader.

const PATIENCE_MS = 20_000
const listeners = []

/** What went wrong; `again`: the same may succeed later, in `after` seconds at least. */
export class Failure extends Error {
	constructor(text, status = 0, after = 0) {
		super(text)
		this.after = after
		this.again = status === 0 || status === 429 || status >= 500
	}
}

/** Hears of every answer: {path, ms, data}. */
export const onAnswer = (listener) => listeners.push(listener)

/** The address of an API path, wherever a proxy has put the service. */
export const address = (path) => new URL(path, document.baseURI).href

/**
 * GET, or POST where there is a body. Gives JSON, or what `as` names: arrayBuffer, blob, text.
 * `signal` aborts (AbortError); everything else that goes wrong is a Failure.
 */
export async function ask(path, { body, signal, as = "json" } = {}) {
	const start = performance.now()
	const limit = AbortSignal.timeout(PATIENCE_MS)
	const options = { signal: signal ? AbortSignal.any([signal, limit]) : limit }
	if (body) Object.assign(options, { method: "POST", body: JSON.stringify(body), headers: { "Content-Type": "application/json" } })
	try {
		const answer = await fetch(address(path), options)
		if (!answer.ok) throw await refusal(answer)
		const data = await answer[as]()
		for (const listener of listeners) listener({ path, ms: performance.now() - start, data })
		return data
	} catch (error) {
		if (error instanceof Failure || signal?.aborted) throw error
		if (limit.aborted) throw new Failure("The service took too long to answer.")
		throw new Failure("The service cannot be reached.")
	}
}

async function refusal(answer) {
	const problem = await answer.json().catch(() => ({}))
	const after = Number(answer.headers.get("Retry-After")) || 0
	const text = problem.detail ? `says: ${problem.detail}` : `answered ${answer.status}`
	return new Failure(`The service ${text}.`, answer.status, after)
}
