// A worker on Temporal's TypeScript SDK, without a build step. It knows nothing of tabi. Its activity ReserveSeat is called
// by the step `activity` of a journey:
//
//   - id: seat
//     activity: {name: ReserveSeat, task_queue: booking, input: {show: entry.show, row: "'C'"}, timeout: 30s, retry_for: 4h}
//     on_failure: […]
//
// The input is one JSON object; the object that it returns is steps.seat.result. The id of the activity is
// enrollment/step/visit: the same for each attempt, so that it can serve as an idempotency key.
import { ApplicationFailure, Context } from '@temporalio/activity';
import { NativeConnection, Worker } from '@temporalio/worker';
import { CodecServer } from './codec.js';

async function ReserveSeat({ show, row }) {
  const context = Context.current();
  const { activityId, attempt } = context.info;
  if (show === 'sold-out') {
    throw ApplicationFailure.nonRetryable('no seat is left', 'SoldOut'); // on_failure, at once
  }
  if (show === 'busy' && attempt === 1) {
    throw new Error('the booking system is busy'); // Temporal tries again
  }
  while (show === 'premiere') { // the box office never answers: only the journey ends this
    context.heartbeat();
    await context.sleep('100ms').catch((canceled) => {
      console.log(`canceled ${activityId}`);
      throw canceled;
    });
  }
  return { seat: `${row}7`, key: activityId };
}

// Where tabi encrypts what Temporal keeps, and the task queue is not in TABI_CLEAR_QUEUES.
const { TABI_CODEC, TABI_TOKEN } = process.env;
const dataConverter = TABI_CODEC && {
  payloadCodecs: [new CodecServer(TABI_CODEC, TABI_TOKEN)],
  failureConverterPath: new URL('./failures.cjs', import.meta.url).pathname,
};

const connection = await NativeConnection.connect({ address: process.env.TEMPORAL_ADDRESS });
const worker = await Worker.create({
  connection,
  namespace: process.env.TEMPORAL_NAMESPACE,
  taskQueue: process.env.TASK_QUEUE,
  activities: { ReserveSeat },
  ...(dataConverter && { dataConverter }),
  defaultHeartbeatThrottleInterval: '100ms', // how soon an activity learns that it was canceled; default 30s
});
await worker.run();
await connection.close();
