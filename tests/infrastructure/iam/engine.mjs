// Judges requests by @cloud-copilot/iam-simulate (AGPL-3.0: for tests only, never shipped).
// stdin: {account, policies: {name: [statement, ...]}, requests: [{principal, action, resource,
// context, identity, resource_policy}, ...]}; the last two are names of policies, or of none.
// stdout: for each request {allowed, identity, resource, ignored}: the Sids of the statements of
// either policy that allow it, and the keys of its context that the action does not know.
import { readFileSync } from 'node:fs'
import {
  createValidatedPolicy,
  validateIdentityPolicy,
  validateResourcePolicy,
} from '@cloud-copilot/iam-policy'
import { runSimulation } from '@cloud-copilot/iam-simulate'

const { account, policies, requests } = JSON.parse(readFileSync(0, 'utf8'))

// Each policy is validated once, not for each request.
const loaded = new Map()
function load(name, validate) {
  if (!policies[name]?.length) return undefined
  if (!loaded.has(name)) {
    const document = { Version: '2012-10-17', Statement: policies[name] }
    loaded.set(name, createValidatedPolicy(document, validate))
  }
  return loaded.get(name)
}

async function judge({ principal, action, resource, context, identity, resource_policy }) {
  const own = load(identity, validateIdentityPolicy)
  const simulation = {
    request: {
      principal,
      action,
      resource: { resource, accountId: account },
      contextVariables: context,
    },
    identityPolicies: own ? [{ name: identity, policy: own }] : [],
    serviceControlPolicies: [],
    resourceControlPolicies: [],
    resourcePolicy: load(resource_policy, validateResourcePolicy),
  }
  const judged = await runSimulation(simulation, {})
  if (judged.resultType === 'error') {
    throw new Error(`${action} on ${resource}: ${JSON.stringify(judged.errors)}`)
  }
  // What is asked for on "*" has a list: one result, or none where no statement names the action.
  const results = judged.results ?? [judged.result]
  if (results.length > 1) {
    throw new Error(`${action} on ${resource}: ${results.length} results; name one resource`)
  }
  const [{ analysis, ignoredContextKeys } = {}] = results
  const allowing = (policy) =>
    (policy?.allowStatements ?? []).map((statement) => statement.explain.identifier)
  return {
    allowed: judged.overallResult === 'Allowed',
    identity: allowing(analysis?.identityAnalysis),
    resource: allowing(analysis?.resourceAnalysis),
    ignored: ignoredContextKeys ?? [],
  }
}

const answers = []
for (const request of requests) answers.push(await judge(request))
process.stdout.write(JSON.stringify(answers))
