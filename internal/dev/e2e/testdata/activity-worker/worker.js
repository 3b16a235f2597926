// A worker on Temporal's TypeScript SDK, without a build step. It runs activity ReserveSeat, which the step `activity` of the
// journey language will call by name; until that step exists, a test's own workflow calls it:
//
//   - id: seat
//     activity: {name: ReserveSeat, task_queue: booking, input: {show: event.show, row: event.row}, timeout: 30s, retry_for: 1h}
//     on_failure: […]
//
// The input is one JSON object; the object that it returns is steps.seat.result. The id of the activity is
// enrollment/step/visit: the same for each attempt, so that it can serve as an idempotency key.
import { ApplicationFailure, Context } from '@temporalio/activity';
import { NativeConnection, Worker } from '@temporalio/worker';

async function ReserveSeat({ show, row }) {
  const { activityId, attempt } = Context.current().info;
  if (show === 'sold-out') {
    throw ApplicationFailure.nonRetryable('no seat is left', 'SoldOut');
  }
  if (show === 'busy' && attempt === 1) {
    throw new Error('the booking system is busy'); // Temporal tries again
  }
  return { seat: `${row}7`, key: activityId };
}

const connection = await NativeConnection.connect({ address: process.env.TEMPORAL_ADDRESS });
const worker = await Worker.create({
  connection,
  namespace: process.env.TEMPORAL_NAMESPACE,
  taskQueue: process.env.TASK_QUEUE,
  activities: { ReserveSeat },
});
await worker.run();
await connection.close();
