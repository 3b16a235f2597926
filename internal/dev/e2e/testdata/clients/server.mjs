// Segment's library for servers, as it comes, with another host: node server.mjs URL WRITE_KEY
import { Analytics } from '@segment/analytics-node'

const [host, writeKey] = process.argv.slice(2)
const analytics = new Analytics({ host, writeKey, flushAt: 5, maxRetries: 0 })
analytics.on('error', (error) => {
  console.error(error)
  process.exitCode = 1
})
analytics.track({ anonymousId: 'visitor-7', event: 'Start', properties: { from: 'before' } })
analytics.identify({ userId: 'node', anonymousId: 'visitor-7', traits: { email: 'node@example.com', plan: { name: 'gold' } } })
analytics.track({ userId: 'node', event: 'Start', properties: { total: 12.5, items: [{ name: 'Lamp' }] }, messageId: 'node-1' })
analytics.track({ userId: 'node', event: 'Start', messageId: 'node-1' })
analytics.page({ userId: 'node', name: 'Home', properties: { path: '/' } })
analytics.screen({ userId: 'node', name: 'Cart' })
analytics.group({ userId: 'node', groupId: 'acme', traits: { size: 30 } })
analytics.alias({ userId: 'node', previousId: 'old-node' })
await analytics.closeAndFlush({ timeout: 20000 })
