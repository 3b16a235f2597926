// A channel that has nothing but a Temporal SDK: node temporal.mjs ADDRESS NAMESPACE WORKFLOW_ID
import { Client, Connection } from '@temporalio/client'

const [address, namespace, workflowId] = process.argv.slice(2)
const connection = await Connection.connect({ address })
const client = new Client({ connection, namespace })
const run = client.workflow.getHandle(workflowId)
console.log(JSON.stringify(await run.query('state')))
const tracked = await client.workflow.execute('Track', {
  taskQueue: 'journeys', workflowId: 'track-node-2',
  args: [{ userId: 'node', event: 'Looked', messageId: 'node-2' }],
})
console.log(JSON.stringify(tracked))
await run.signal('event', { id: 'node-3', name: 'Answered', properties: {} })
await run.executeUpdate('event', { args: [{ id: 'node-4', name: 'Bought', properties: {} }] })
console.log(JSON.stringify(await run.result()))
await connection.close()
