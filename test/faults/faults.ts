import type { Fault, NamedTest, Removal } from './fault-table';

const cut = (file: string, find: string, replace = ''): Removal[] => [{ file, find, replace }];
const held = (file: string, name: string): NamedTest => ({ file: `test/${file}.test.ts`, name });

/** Law of the redrive under deaths, silence and two runs at once. */
const REDRIVEN_ONCE =
  'the redrive function puts every record exactly once and in the order of its key, whatever dies, is silent or runs twice';

/** Faults that the platform has to survive, each with its protections and the tests that hold them. */
export const FAULTS: readonly Fault[] = [
  {
    id: 'F1',
    fault: 'AWS has no instance of the wanted type',
    sources: [
      'https://github.com/aws/deep-learning-containers/pull/6411',
      'https://github.com/DIAGNijmegen/rse-grand-challenge/issues/2631',
      'https://github.com/Boise-State-Development/agentcore-public-stack/pull/1025',
    ],
    protections: [
      {
        protection: 'a lack of capacity is told apart from other failures',
        removals: cut(
          'lib/scaling/decide/scale-events.ts',
          '/InsufficientInstanceCapacity|CapacityError|Unable to provision requested ML compute capacity|',
          '/',
        ),
        test: held(
          'scaling/decide/scale-events',
          'eventsOfNotice recognises a lack of capacity in the reason of a failure',
        ),
      },
      {
        protection: 'an endpoint takes the next of its instance types',
        removals: cut(
          'lib/inference/endpoint/capacity.ts',
          'instancePools: instanceTypes.map((instanceType, index) => ({ instanceType, priority: index + 1 })),',
          'instanceType: instanceTypes[0],',
        ),
        test: held(
          'inference/endpoint/capacity',
          'the capacity of an endpoint gives pools in order, and the time each is tried',
        ),
      },
      {
        protection: 'a training job is tried on the next of its instance types',
        removals: cut(
          'lib/training/training-states.ts',
          '.when(lacksCapacity(), next).otherwise(failed)',
          '.when(lacksCapacity(), failed).otherwise(failed)',
        ),
        test: held(
          'training/training-pipeline',
          'the machine trains on the first type, without capacity on the next, and then registers the model',
        ),
      },
      {
        protection: 'an alarm on capacity errors',
        removals: cut(
          'lib/monitoring/scaling-alarms.ts',
          'return {\n    CapacityErrors: {',
          'return {\n    ScalingFailures: {',
        ),
        test: held('monitoring/monitoring', 'PlatformAlarms watches every part'),
      },
    ],
  },
  {
    id: 'F2',
    fault: 'a failure at one resource stops the loop for all',
    sources: [
      'https://github.com/ITISFoundation/osparc-simcore/issues/8273',
      'https://github.com/ray-project/ray/issues/27521',
    ],
    protections: [
      {
        protection: 'the guard decides without what it could not observe',
        removals: cut(
          'lambda/cost-guard/observe.ts',
          'logger.error(`cannot read ${subject}`, { error });\n    return null;',
          'throw error;',
        ),
        test: held(
          'lambda/cost-guard/handler',
          'faults of the cost guard F2 limits the other endpoint when one cannot be observed',
        ),
      },
      {
        protection: 'the guard sets the limits of every other fleet',
        removals: cut(
          'lambda/cost-guard/handler.ts',
          'logger.error(`cannot limit ${resourceId}`, { error, minCapacity, maxCapacity });\n        return resourceId;',
          'throw error;',
        ),
        test: held(
          'lambda/cost-guard/handler',
          'faults of the cost guard F2 one limit that cannot be set keeps no other from being set and is tried again',
        ),
      },
      {
        protection: 'the events of every other fleet are recorded',
        removals: cut(
          'lambda/scale-events/handler.ts',
          'failures.push(`${subject}: ${String(error)}`);',
          'throw error;',
        ),
        test: held(
          'lambda/scale-events/handler',
          'the scale-events handler records the other fleets when one cannot be read, and fails afterwards',
        ),
      },
      {
        protection: 'replaced configurations of every other host are swept',
        removals: cut(
          'lambda/configuration-sweeper/handler.ts',
          'failures.push(`${hostedBy(host)}: ${String(error)}`);',
          'throw error;',
        ),
        test: held(
          'lambda/configuration-sweeper/handler',
          'sweeps the other hosts when one cannot be read, deletes nothing of that one, and fails aloud',
        ),
      },
    ],
  },
  {
    id: 'F3',
    fault: 'AWS throttles the calls of the control loops',
    sources: [
      'https://github.com/aws-solutions/deepracer-on-aws/issues/87',
      'https://github.com/aws/sagemaker-python-sdk/pull/1204',
      'https://github.com/aws/sagemaker-python-sdk/issues/645',
    ],
    protections: [
      {
        protection: 'waits before a retry are spread by chance',
        removals: cut('lambda/stream-consumer/backoff.ts', 'maximum * (0.1 + 0.9 * random)', 'maximum'),
        test: held(
          'lambda/stream-consumer/backoff',
          'the wait before a retry is spread over nine tenths of its maximum, so that many callers do not come back together',
        ),
      },
      {
        protection: 'an answer without data is an error, and nothing is decided on it',
        removals: cut(
          'lambda/clients/request-history.ts',
          "if (status === 'InternalError') throw new RetryableError(what);",
        ),
        test: held('lambda/capacity-forecaster/clients', 'the request history takes %s for no answer'),
      },
      {
        protection: 'a busy endpoint gets half of the requests, and more again step by step',
        removals: cut(
          'lib/ingestion/decide/in-flight-limit.ts',
          'isThrottled ? Math.max(1, Math.floor(before / 2)) : ',
        ),
        test: held(
          'ingestion/in-flight-limit',
          'the limit of requests in flight halves while more than one in twenty requests are refused, down to 1, and then grows back by eighths of the share',
        ),
      },
      {
        protection: 'the ten changes of shards that Kinesis allows in 24 hours are kept for more shards',
        removals: cut(
          'lib/ingestion/decide/shard-count.ts',
          'if (left - 1 < doublings(target, maxShards)) {',
          'if (left <= 0) {',
        ),
        test: held(
          'ingestion/shard-count',
          'the number of shards shrinks only while enough changes are left to double up to the maximum again',
        ),
      },
      {
        protection: 'a change of shards is noted before it is made, so that none is forgotten',
        removals: cut(
          'lambda/shard-scaler/handler.ts',
          'made = [...changes, now];\n      await write({ ...before, changes: made });',
        ),
        test: held(
          'lambda/shard-scaler/handler',
          'the shard scaler asks for the shards that the writes need, and notes the change before it is made',
        ),
      },
    ],
  },
  {
    id: 'F4',
    fault: 'an event is delivered more than once',
    sources: ['https://docs.aws.amazon.com/sagemaker/latest/dg/automating-sagemaker-with-eventbridge.html'],
    protections: [
      {
        protection: 'an event is counted when it is stored for the first time',
        removals: cut(
          'lambda/scale-events/handler.ts',
          'return isNew === true ? [event] : [];',
          'return isNew === undefined ? [] : [event];',
        ),
        test: held(
          'lambda/scale-events/handler',
          'the scale-events handler counts an event once for any number of deliveries, to this process or another',
        ),
      },
      {
        protection: 'of two runs of the guard one writes each generation, and the other tells nothing',
        removals: [
          ...cut(
            'lambda/cost-guard/handler.ts',
            'if (!(await store.write(written))) {',
            'if (!(await store.write(written)) && false) {',
          ),
          ...cut(
            'lambda/cost-guard/handler.ts',
            'if (!(await store.write(written, records))) {',
            'if (!(await store.write(written, records)) && false) {',
          ),
        ],
        test: held('lambda/cost-guard/handler', 'faults of the cost guard F4 two runs at once have one effect'),
      },
    ],
  },
  {
    id: 'F5',
    fault: 'events arrive late or in another order',
    sources: ['https://docs.aws.amazon.com/eventbridge/latest/ref/event-delivery-level.html'],
    protections: [
      {
        protection: 'activities are put in the order of their start',
        removals: cut(
          'lib/scaling/decide/scale-events.ts',
          '.sort(\n    (a, b) => a.startedAt - b.startedAt || a.activityId.localeCompare(b.activityId),\n  )',
        ),
        test: held('scaling/decide/scale-events', 'eventsOfActivities does not mind order and repeats'),
      },
      {
        protection: 'the forecast takes no minute that is not newer than the last',
        removals: cut(
          'lib/scaling/decide/forecast/capacity-forecast.ts',
          'if (this.last !== undefined && minute <= this.last) return;',
        ),
        test: held(
          'scaling/decide/forecast/capacity-forecast',
          'the capacity forecast holds capacity while metrics are missing, and takes late or repeated minutes for nothing',
        ),
      },
    ],
  },
  {
    id: 'F6',
    fault: 'the event bus loses an event',
    sources: ['https://docs.aws.amazon.com/eventbridge/latest/ref/event-delivery-level.html'],
    protections: [
      {
        protection: 'every invocation reads the scaling activities back',
        removals: cut(
          'lambda/scale-events/handler.ts',
          'const recent = await activities.recent(fleet, signal);',
          'const recent = { activities: [], complete: true };',
        ),
        test: held(
          'lambda/scale-events/handler',
          'the scale-events handler makes up with the next tick for an event that was lost',
        ),
      },
      {
        protection: 'the handler is invoked every minute without an event',
        removals: cut(
          'lib/scaling/scale-events.ts',
          'schedule: events.Schedule.rate(reconcileInterval),',
          "eventPattern: { source: ['none'] },",
        ),
        test: held('scaling/scale-events', 'ScaleEvents reads the activities back every minute'),
      },
    ],
  },
  {
    id: 'F7',
    fault: 'a record that fails every time blocks its shard',
    sources: ['https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-parameters.html'],
    protections: [
      {
        protection: 'a batch that fails is split in two',
        removals: cut('lib/ingestion/stream-ingestion.ts', 'bisectBatchOnError: true,'),
        test: held(
          'ingestion/stream-ingestion',
          'the event source mapping reports single failures, bisects, retries until records are a day old, and keeps what fails',
        ),
      },
      {
        protection: 'Lambda retries from the record that failed',
        removals: cut('lib/ingestion/stream-ingestion.ts', 'reportBatchItemFailures: true,'),
        test: held(
          'ingestion/stream-ingestion',
          'the event source mapping reports single failures, bisects, retries until records are a day old, and keeps what fails',
        ),
      },
      {
        protection: 'a batch of a partition that fails is split in two',
        removals: cut('lib/ingestion/kafka-ingestion.ts', 'bisectBatchOnError: true,'),
        test: held(
          'ingestion/kafka-ingestion',
          'the event source mapping reports single failures, bisects, retries until records are a day old, and keeps what fails',
        ),
      },
      {
        protection: 'Lambda retries a partition from the record that failed',
        removals: cut(
          'lambda/kafka-consumer/handler.ts',
          'offset: Number(record.sequenceNumber)',
          'offset: Number(batches[index]!.records[0]!.sequenceNumber)',
        ),
        test: held(
          'lambda/kafka-consumer/handler',
          'the Kafka consumer reports for each partition the first offset without an outcome, as an object of partition and offset',
        ),
      },
      {
        protection: 'a record that fails while others are answered becomes a dead letter',
        removals: cut(
          'lambda/stream-consumer/endpoint-invoker.ts',
          'isRecordToBlame(evidence.strike(place, seconds), maxModelFailures, evidence.othersRecover) || isToBlame;',
          'evidence.strike(place, seconds).count === Infinity;',
        ),
        test: held(
          'lambda/stream-consumer/blame',
          'a record that fails with %d while others are answered becomes a dead letter within 15 seconds, and holds nobody back',
        ),
      },
      {
        protection: 'a record without others beside it is compared with a request that was answered before',
        removals: cut(
          'lambda/stream-consumer/endpoint-invoker.ts',
          'await this.send(control);',
          'if (control.length >= 0) return false;',
        ),
        test: held(
          'lambda/stream-consumer/blame',
          'a record that fails alone in its batch is found out by the request that was answered last',
        ),
      },
      {
        protection: 'that request is stored for environments that have seen no answer yet',
        removals: cut(
          'lambda/stream-consumer/endpoint-evidence.ts',
          "await this.store.put(controlRequestObjectKey(streamName), body, 'application/json', signal);",
        ),
        test: held(
          'lambda/stream-consumer/blame',
          'a record that fails alone in a new environment is found out by the request that another environment stored',
        ),
      },
      {
        protection: 'records of other keys are read and sent while a record fails',
        removals: cut(
          'lambda/stream-consumer/session.ts',
          'const reading = this.readAhead();',
          'const reading = Promise.resolve();',
        ),
        test: held(
          'lambda/stream-consumer/freshness',
          'a record that finds a free slot does so with bad records beside it, whose verdicts take less than a minute',
        ),
      },
      {
        protection: 'a record that waits in a full endpoint until its time is up is not to blame',
        removals: cut(
          'lib/ingestion/decide/verdict.ts',
          'return failedSeconds < SLOW_FAILURE_SECONDS ? Infinity : failedSeconds / 2;',
          'return Infinity;',
        ),
        test: held(
          'ingestion/verdict',
          'a slow failure is told from a full endpoint by responses in half of its time, a quick one by any',
        ),
      },
      {
        protection: 'a record on which the model hangs is told after a minute',
        removals: cut(
          'lambda/stream-consumer/endpoint-invoker.ts',
          "if (step === 'send again' && !signal.aborted) {",
          "if (step === 'send again' && signal.aborted) {",
        ),
        test: held(
          'lambda/stream-consumer/blame',
          'a record that fails by hanging until its time is up becomes a dead letter after a minute while others are answered',
        ),
      },
      {
        protection: 'a record that waits for an instance that hangs is not to blame',
        removals: cut(
          'lambda/stream-consumer/endpoint-evidence.ts',
          'return this.clock.now() - this.recoveredAt < RECOVERY_SECONDS;',
          'return false;',
        ),
        test: held(
          'lambda/stream-consumer/hang',
          'no record is to blame when %s, with requests routed at random or by load',
        ),
      },
      {
        protection: 'a delivery that is repeated finds the outcomes that an earlier one wrote',
        removals: cut(
          'lambda/stream-consumer/consumer.ts',
          'const found = await log.find(batch, cursor !== undefined, signal);',
          'const found = { ...(await log.find(batch, cursor !== undefined, signal)), positions: new Set<string>() };',
        ),
        test: held(
          'lambda/stream-consumer/laws',
          'the stream consumer under a poller that repeats and bisects gives every record one line, in whatever delivery it dies, keeps the order of every key and sets exactly the poison aside',
        ),
      },
    ],
  },
  {
    id: 'F8',
    fault: 'dead letters overflow, expire or cannot be put back',
    sources: [
      'https://github.com/aws-solutions/deepracer-on-aws/issues/87',
      'https://docs.aws.amazon.com/lambda/latest/api/API_OnFailure.html',
    ],
    protections: [
      {
        protection: 'a dead letter keeps the payload',
        removals: cut(
          'lambda/stream-consumer/outcome-writer.ts',
          "payloadBase64: record.payload.toString('base64'),",
          "payloadBase64: '',",
        ),
        test: held(
          'lambda/stream-consumer/laws',
          'the stream consumer under a poller that repeats and bisects keeps the payload of poison byte for byte',
        ),
      },
      {
        protection: 'a dead letter of a topic keeps key and headers',
        removals: cut('lambda/stream-consumer/outcome-writer.ts', 'kafkaRecord: record.kafkaRecord,'),
        test: held(
          'lambda/kafka-consumer/handler',
          'the Kafka consumer sets a record aside that fails while others are answered, with the whole record of the topic',
        ),
      },
      {
        protection: 'retries of a topic end with the age of records, not after ten',
        removals: cut('lib/ingestion/kafka-ingestion.ts', 'retryAttempts: settings.retryAttempts,'),
        test: held(
          'ingestion/kafka-ingestion',
          'the event source mapping reports single failures, bisects, retries until records are a day old, and keeps what fails',
        ),
      },
      {
        protection: 'batches that fail go to a bucket, which keeps their records',
        removals: cut(
          'lib/ingestion/stream-ingestion.ts',
          'onFailure: { bind: () => ({ destination: this.resultsBucket.bucketArn }) },',
        ),
        test: held(
          'ingestion/stream-ingestion',
          'the event source mapping reports single failures, bisects, retries until records are a day old, and keeps what fails',
        ),
      },
      {
        protection: 'an alarm on the age of records',
        removals: cut(
          'lib/monitoring/ingestion-alarms.ts',
          'return {\n    IteratorAge: {',
          'return {\n    DeadLetters: {',
        ),
        test: held('monitoring/monitoring', 'PlatformAlarms watches every part'),
      },
      {
        protection: 'an alarm on messages in a dead-letter queue',
        removals: cut('lib/monitoring/handler-alarms.ts', '[`${id}DeadLetters`]: {', '[`${id}HandlerErrors`]: {'),
        test: held('monitoring/monitoring', 'PlatformAlarms watches every part'),
      },
      {
        protection: 'a redrive claims a record before it puts it',
        removals: cut(
          'lambda/redrive/handler.ts',
          "if (!(await claims.claim(record, record.generation, record.source))) return { reason: 'in-progress' };",
        ),
        test: held('lambda/redrive/handler', REDRIVEN_ONCE),
      },
      {
        protection: 'one of two redrives has the claim',
        removals: cut(
          'lambda/redrive/claims.ts',
          "return this.store.putNew(this.keyOf(place, generation), marker, 'application/json', signal);",
          "return this.store.put(this.keyOf(place, generation), marker, 'application/json', signal).then(() => true);",
        ),
        test: held('lambda/redrive/handler', REDRIVEN_ONCE),
      },
      {
        protection: 'a record whose redrive was interrupted is looked for in the stream',
        removals: cut(
          'lambda/redrive/handler.ts',
          'for (const name of names) if (wanted.has(name)) found.set(name, place);',
        ),
        test: held(
          'lambda/redrive/handler',
          'the redrive function holds a record and those behind it while the stream did not say if it has it (%s), and looks there later',
        ),
      },
      {
        protection: 'a record that the stream may have had and no longer shows is not put again',
        removals: cut(
          'lib/ingestion/decide/redrive.ts',
          "if (from < now - retentionSeconds) return { kind: 'skip', reason: 'lost' };",
        ),
        test: held(
          'lambda/redrive/handler',
          'the redrive function does not guess when the stream no longer shows what an interrupted redrive did',
        ),
      },
      {
        protection: 'records wait behind one of their key that is held back',
        removals: cut('lambda/redrive/handler.ts', "if (outcome.reason !== 'too-large') held.add(key);"),
        test: held(
          'lambda/redrive/handler',
          'the redrive function waits for a stream without room, and gives the record up in time for another redrive',
        ),
      },
      {
        protection: 'a claim is given up with its record',
        removals: cut(
          'lambda/redrive/handler.ts',
          'await claims.settle(record, record.generation, record.source, undefined);\n        throw error;',
          'throw error;',
        ),
        test: held(
          'lambda/redrive/handler',
          'the redrive function ends with the error of a refusal that concerns every record, and holds no claim',
        ),
      },
      {
        protection: 'a redrive keeps its rate',
        removals: cut('lambda/redrive/handler.ts', 'await sleep((at - clock.now()) * 1000);', 'await sleep(0);'),
        test: held(
          'lambda/redrive/handler',
          'the redrive function keeps its rate, ends before its time, and goes on where it ended',
        ),
      },
      {
        protection: 'a record of a failed batch that has its answer stays out of the stream',
        removals: cut(
          'lambda/redrive/handler.ts',
          "if (candidate.isAnswered) return { kind: 'skip', source, reason: 'answered' };",
        ),
        test: held(
          'lambda/redrive/handler',
          'the redrive function does not put a record of a failed batch that was answered after all; one whose dead letter got lost it does',
        ),
      },
    ],
    open: 'nothing puts dead letters back by itself: `tidegate redrive` does, once their cause is mended',
  },
  {
    id: 'F9',
    fault: 'an update is rolled back, and the deployment looks like a success',
    sources: [
      'https://github.com/hashicorp/terraform-provider-aws/issues/48997',
      'https://github.com/hashicorp/terraform-provider-aws/issues/39099',
    ],
    protections: [
      {
        protection: 'the configuration in use is compared with the deployed one',
        removals: cut(
          'lib/scaling/decide/scale-events.ts',
          ' || (configName !== declaredConfigName && !isRolledOut);',
          ';',
        ),
        test: held('lambda/scale-events/handler', 'the state of the fleets tells of %s'),
      },
      {
        protection: 'an alarm on another configuration than the deployed one',
        removals: cut(
          'lib/monitoring/scaling-alarms.ts',
          'metric: scaleEvents.metricConfigurationDrift(fleet),',
          'metric: scaleEvents.metricRollbacks(fleet),',
        ),
        test: held(
          'monitoring/monitoring',
          'PlatformAlarms goes off when instances stay away, and when an endpoint of the stack runs what was not deployed',
        ),
      },
    ],
  },
  {
    id: 'F10',
    fault: 'an update sets the number of instances back',
    sources: [
      'https://github.com/hashicorp/terraform-provider-aws/issues/49069',
      'https://github.com/aws/sagemaker-python-sdk/issues/3126',
    ],
    protections: [
      {
        protection: 'an update keeps the number that scaling has set',
        removals: cut(
          'lib/inference/instances/instance-endpoint.ts',
          'retainAllVariantProperties: true,',
          'retainAllVariantProperties: false,',
        ),
        test: held(
          'inference/endpoint/rollout',
          'a rollout replaces the fleet in batches, keeps the scaled count and rolls back on its alarms by default',
        ),
      },
    ],
  },
  {
    id: 'F11',
    fault: 'the old configuration is deleted before the new one is in service',
    sources: [
      'https://github.com/hashicorp/terraform-provider-aws/issues/40048',
      'https://github.com/hashicorp/terraform-provider-aws/issues/48997',
    ],
    protections: [
      {
        protection: 'an update keeps what it replaces',
        removals: cut(
          'lib/inference/endpoint/replaced.ts',
          'updateReplacePolicy = CfnDeletionPolicy.RETAIN;',
          'updateReplacePolicy = CfnDeletionPolicy.DELETE;',
        ),
        test: held(
          'inference/configuration-sweeper',
          'models and configurations of endpoints outlive their replacement in every kind of endpoint, and go with the stack',
        ),
      },
      {
        protection: 'what the endpoint runs on is never deleted',
        removals: cut(
          'lib/inference/decide/sweep.ts',
          '[...inUse.configNames, ...declared.configNames]',
          '[...declared.configNames]',
        ),
        test: held(
          'inference/decide/sweep',
          'what a sweep deletes the configuration that a rollback returned to stays, however old it is and whatever the stack declares',
        ),
      },
      {
        protection: 'nothing is deleted before the update is over',
        removals: cut('lib/inference/decide/sweep.ts', 'if (!isSettled) return { configNames: [], modelNames: [] };'),
        test: held('inference/decide/sweep', 'what a sweep deletes nothing goes while a deployment is in progress'),
      },
    ],
  },
  {
    id: 'F12',
    fault: 'a deployment stops halfway: a sibling of a handler does not exist',
    sources: ['https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/stack-failure-options.html'],
    protections: [
      {
        protection: 'records wait for an endpoint that does not exist yet',
        removals: cut('lambda/clients/endpoint-runtime.ts', ' || ENDPOINT_MISSING.test(message)'),
        test: held(
          'lambda/stream-consumer/endpoint-runtime',
          'an error of InvokeEndpoint is no fault of the record when it says: %s',
        ),
      },
      {
        protection: 'a target that is deregistered meanwhile is no failure of the forecaster',
        removals: cut(
          'lambda/capacity-forecaster/handler.ts',
          "if (now.kind === 'in-force' && now.maxCapacity >= floor.minCapacity) throw error;",
          'throw error;',
        ),
        test: held(
          'lambda/capacity-forecaster/handler',
          'a target that is not registered stays so when it is deregistered between reading and writing',
        ),
      },
      {
        protection: 'the guard sets nothing on a target that is not registered',
        removals: cut(
          'lib/cost/decide/fleet-limits.ts',
          "if (limits.kind === 'not-registered')\n    return {\n      memory: frozen,",
          'if (false)\n    return {\n      memory: frozen,',
        ),
        test: held(
          'lambda/cost-guard/handler',
          'faults of the cost guard a target that was deregistered on purpose stays so, and is limited within an evaluation once it is registered',
        ),
      },
    ],
  },
  {
    id: 'F13',
    fault: 'an alarm has insufficient data',
    sources: ['https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-autoscaling-targettracking.md'],
    protections: [
      {
        protection: 'a policy without data holds the capacity',
        removals: cut(
          'lib/scaling/decide/target-tracking.ts',
          'const value = signal?.value;',
          'const value = signal?.value ?? 0;',
        ),
        test: held('scaling/decide/decide', 'decide holds the fleet when the metric is missing and says so'),
      },
      {
        protection: 'every alarm says what missing data means',
        removals: cut('lib/monitoring/runbook-alarm.ts', 'treatMissingData: props.treatMissingData,'),
        test: held(
          'monitoring/monitoring',
          'PlatformAlarms gives every alarm a runbook entry, a topic, and a treatment of missing data',
        ),
      },
    ],
  },
  {
    id: 'F14',
    fault: 'a policy follows a metric that its endpoint never publishes',
    sources: ['https://github.com/philschmid/terraform-aws-sagemaker-huggingface/issues/9'],
    protections: [
      {
        protection: 'a metric of another kind of endpoint is refused at synthesis',
        removals: cut(
          'lib/catalog/hosting-metrics.ts',
          'const published = endpointMetrics(kind);',
          'const published = PUBLISHED_METRICS.map((metric) => ({ ...metric, dimensions: [] as string[] }));',
        ),
        test: held(
          'catalog/hosting-metrics',
          'endpoint metrics that a kind of endpoint does not publish are refused with those it does',
        ),
      },
    ],
  },
  {
    id: 'F15',
    fault: 'the source of a metric is down, and silence counts as no load',
    sources: [
      'https://github.com/kedacore/keda/issues/1850',
      'https://github.com/kedacore/keda/issues/2244',
      'https://github.com/kedacore/keda/issues/7239',
      'https://github.com/kedacore/keda/issues/8056',
    ],
    protections: [
      {
        protection: 'a minute without a count is no minute of zero requests',
        removals: cut(
          'lib/scaling/decide/forecast/capacity-forecast.ts',
          'if (requests === undefined) return;',
          'requests ??= 0;',
        ),
        test: held(
          'scaling/decide/forecast/capacity-forecast',
          'the capacity forecast holds capacity while metrics are missing, and takes late or repeated minutes for nothing',
        ),
      },
      {
        protection: 'the minimum stays until there is a new count',
        removals: cut('lambda/capacity-forecaster/handler.ts', 'if (!observed.upToDate) {', 'if (false) {'),
        test: held(
          'lambda/capacity-forecaster/handler',
          'missing and late metrics hold the capacity and are waited for',
        ),
      },
    ],
  },
  {
    id: 'F16',
    fault: 'the capacity swings up and down',
    sources: [
      'https://github.com/ray-project/ray/issues/26455',
      'https://github.com/temporalio/temporal-worker-controller/issues/439',
      'https://github.com/kubernetes/enhancements/pull/883',
    ],
    protections: [
      {
        protection: 'no scale-in during the cooldown of another',
        removals: cut(
          'lib/scaling/decide/cooldowns.ts',
          "if (scaleIn === undefined) return pass(() => 'no scale-in is in cooldown');",
          "if (scaleIn === undefined || proposal !== undefined) return pass(() => 'no scale-in is in cooldown');",
        ),
        test: held(
          'scaling/decide/laws',
          'the laws of deciding a scale-in is never followed by another within its cooldown',
        ),
      },
      {
        protection: 'thresholds that touch are refused',
        removals: cut(
          'lib/scaling/server-signal-checks.ts',
          'isKnown(addAbove) && !(removeBelow < addAbove)) {',
          'isKnown(addAbove) && false) {',
        ),
        test: held(
          'inference/server-signals',
          'scaling on what the model server publishes is refused with bounds that swing, and steps that are none',
        ),
      },
    ],
  },
  {
    id: 'F17',
    fault: 'the cost guard acts twice, or races itself',
    sources: ['https://github.com/aws-powertools/powertools-lambda-python/issues/8049'],
    protections: [
      {
        protection: 'actions stay pending until they are recorded',
        removals: cut(
          'lambda/cost-guard/handler.ts',
          'memory: changes ? withPendingActions(memory, state?.memory, decision.actions) : memory,',
          'memory,',
        ),
        test: held(
          'lambda/cost-guard/handler',
          'faults of the cost guard F17 a run that dies between its effects and its records is made up for, and charged once',
        ),
      },
    ],
  },
  {
    id: 'F18',
    fault: 'the cost guard stops what it must not touch',
    sources: [
      'https://github.com/ekristen/aws-nuke/issues/612',
      'https://github.com/aws-samples/aws-nuke-account-cleanser-example/issues/4',
    ],
    protections: [
      {
        protection: 'a fleet keeps its protected floor',
        removals: cut(
          'lib/cost/decide/fleet-limits.ts',
          "const maximum = level === 'shrink' ? protectedFloor",
          "const maximum = level === 'shrink' ? 0",
        ),
        test: held(
          'cost/decide/guard-level',
          'the limits of decideGuardLevel shrinks to the protected floor and lowers a minimum above it',
        ),
      },
      {
        protection: 'a dry run sets no limit',
        removals: cut('lib/cost/decide/guard-level.ts', 'if (plan.dryRun) {', 'if (false) {'),
        test: held(
          'lambda/cost-guard/handler',
          'faults of the cost guard F18 a dry run does everything but the effects, once',
        ),
      },
      {
        protection: 'its role reaches the guarded endpoints alone',
        removals: cut('lib/cost/guard-permissions.ts', 'unique(endpointArns)', "['*']"),
        test: held(
          'cost/cost-guard',
          'CostGuard names every resource that can be named and narrows the others by condition',
        ),
      },
    ],
  },
  {
    id: 'F19',
    fault: 'the bill comes a day late, and with it the guard',
    sources: [
      'https://github.com/cloud-custodian/cloud-custodian/issues/5324',
      'https://github.com/harvard-lil/h2o/issues/1483',
    ],
    protections: [
      {
        protection: 'instances are metered every minute at their price',
        removals: cut(
          'lib/cost/decide/metered-spend.ts',
          'const cost = spentUsd(charged, seconds);',
          'const cost = 0 * spentUsd(charged, seconds);',
        ),
        test: held(
          'lambda/cost-guard/handler',
          'faults of the cost guard F19 acts by its own meter, without any billing data',
        ),
      },
    ],
  },
  {
    id: 'F20',
    fault: 'a training job runs away',
    sources: ['https://mlcostintel.com/blog/unexpected-ml-cost-spikes'],
    protections: [
      {
        protection: 'every job has a maximum runtime',
        removals: cut('lib/training/training-states.ts', 'MaxRuntimeInSeconds: plan.maxRuntimeSeconds,'),
        test: held(
          'training/training-pipeline',
          'the training job runs on spot capacity with checkpoints of its execution and hard limits',
        ),
      },
      {
        protection: 'training counts towards the budget',
        removals: cut(
          'lib/cost/decide/metered-spend.ts',
          'spentUsd: spentSince(training.spend, period.startSeconds) + trainingUsd,',
          'spentUsd: spentSince(training.spend, period.startSeconds),',
        ),
        test: held('lambda/cost-guard/handler', 'the cost guard charges training jobs beside the fleets'),
      },
      {
        protection: 'a job that starts while growth is frozen is stopped',
        removals: cut('lambda/cost-guard/handler.ts', 'trainingJobs.stop(jobName, signal)', 'Promise.resolve(signal)'),
        test: held(
          'lambda/cost-guard/handler',
          'faults of the cost guard F20 a job that starts while growth is frozen is stopped at the next evaluation',
        ),
      },
    ],
  },
  {
    id: 'F21',
    fault: 'spot capacity is taken back, and the work so far is lost',
    sources: [
      'https://github.com/aws/sagemaker-python-sdk/issues/1040',
      'https://github.com/aws/sagemaker-python-sdk/issues/3062',
      'https://github.com/Boise-State-Development/agentcore-public-stack/pull/1025',
    ],
    protections: [
      {
        protection: 'spot without checkpoints is refused at synthesis',
        removals: cut(
          'lib/training/training-checks.ts',
          'if (settings.spot && !settings.checkpoints) {',
          'if (false) {',
        ),
        test: held('training/training-pipeline', 'a pipeline that cannot work (%s) is refused with the way out'),
      },
      {
        protection: 'a job goes on from the checkpoints of its execution',
        removals: cut(
          'lib/training/training-states.ts',
          '...(plan.checkpointsUri === undefined',
          '...(plan !== undefined',
        ),
        test: held(
          'training/training-pipeline',
          'the training job runs on spot capacity with checkpoints of its execution and hard limits',
        ),
      },
    ],
  },
  {
    id: 'F22',
    fault: 'the quota of an instance type is used up',
    sources: ['https://github.com/ministryofjustice/analytical-platform/issues/7803'],
    protections: [
      {
        protection: 'a maximum above the quotas is refused at synthesis',
        removals: cut(
          'lib/inference/endpoint/capacity.ts',
          'known.reduce((sum, count) => sum + count, 0)',
          'undefined',
        ),
        test: held(
          'inference/endpoint/capacity',
          'the capacity of an endpoint holds the maximum of the fleet against the quotas',
        ),
      },
      {
        protection: 'a preflight counts what every fleet takes of a quota',
        removals: cut(
          'lib/preflight/decide/check-account.ts',
          'this.taken.set(name, (this.taken.get(name) ?? 0) + count);',
          'this.taken.set(name, Math.min(0, count));',
        ),
        test: held(
          'preflight/check-account',
          'the check of an account counts a quota once for all fleets that share it',
        ),
      },
      {
        protection: 'the maxima of all fleets together are proved against the quotas',
        removals: cut(
          'lib/proof/rules/capacity.ts',
          'const total = [...users.map((target) => maximumOf(target) ?? 0), ...fixed.map(({ count }) => count)].reduce(\n      (a, b) => a + b,',
          'const total = [...users.map((target) => maximumOf(target) ?? 0), ...fixed.map(({ count }) => count)].reduce(\n      (a, b) => Math.max(a, b),',
        ),
        test: held('proof/rules/capacity', 'quota-exceeded adds up the maxima of every fleet'),
      },
    ],
  },
  {
    id: 'F23',
    fault: 'a region or its control plane is out for hours',
    sources: [
      'https://aws.amazon.com/message/101925',
      'https://aws.amazon.com/message/073024',
      'https://slyjason.github.io/2020/11/26/takeaways-from-aws-kinesis-outage',
    ],
    protections: [
      {
        protection: 'an outage of the endpoint makes no dead letter of a topic',
        removals: cut(
          'lambda/stream-consumer/endpoint-invoker.ts',
          'if (!(await this.hasAnsweredOthers(place, failedBefore, seconds))) continue;',
          'void failedBefore;',
        ),
        test: held(
          'lambda/kafka-consumer/handler',
          'the Kafka consumer loses nothing in an outage: every partition is reported from its first record',
        ),
      },
      {
        protection: 'the guard holds on to the last budget it read',
        removals: cut(
          'lib/cost/decide/guard-level.ts',
          'budgetInForce(seen.budget, memory?.budget, atSeconds)',
          'budgetInForce(seen.budget, undefined, atSeconds)',
        ),
        test: held(
          'lambda/cost-guard/handler',
          'faults of the cost guard holds on when the budget cannot be read or is broken',
        ),
      },
      {
        protection: 'a service that is silent is an error in time',
        removals: cut(
          'lambda/support/deadline.ts',
          'reject(new RetryableError(`${subject}: no answer within ${seconds} s`));',
          'void reject;',
        ),
        test: held(
          'lambda/support/support',
          'a look with a deadline ends in time when the work is silent: as an error that may pass, with the signal of the work aborted',
        ),
      },
      {
        protection: 'no record is given up while the model fails on every one',
        removals: cut(
          'lambda/stream-consumer/endpoint-invoker.ts',
          'if (!(await this.hasAnsweredOthers(place, failedBefore, seconds))) continue;',
        ),
        test: held(
          'lambda/stream-consumer/blame',
          'an endpoint that fails with %d for everything makes no dead letter, and is asked one request at a time',
        ),
      },
      {
        protection: 'retries are bounded by the age of records, not by a number',
        removals: cut(
          'lib/ingestion/stream-ingestion-props.ts',
          'retryAttempts: props.retryAttempts,',
          'retryAttempts: props.retryAttempts ?? 100,',
        ),
        test: held(
          'ingestion/stream-ingestion',
          'the event source mapping reports single failures, bisects, retries until records are a day old, and keeps what fails',
        ),
      },
      {
        protection: 'records are kept for seven days',
        removals: cut('lib/ingestion/stream-ingestion.ts', 'retentionPeriod: settings.retention,'),
        test: held(
          'ingestion/stream-ingestion',
          'the stream is on demand, encrypted with the key of Kinesis, and keeps records for seven days',
        ),
      },
    ],
  },
  {
    id: 'F24',
    fault: 'functions invoke each other without an end',
    sources: ['https://docs.aws.amazon.com/lambda/latest/dg/invocation-recursion.html'],
    protections: [
      {
        protection: 'no function may write to what invokes one',
        removals: cut(
          'lib/ingestion/consumer-function.ts',
          "new iam.PolicyStatement({ sid: 'WriteObjects', actions: ['s3:PutObject'], resources: objects }),",
          "new iam.PolicyStatement({ actions: ['s3:PutObject'], resources: objects }),\n        new iam.PolicyStatement({ actions: ['kinesis:PutRecords'], resources: [...source.arns!.StreamArn!] }),",
        ),
        test: held(
          'platform/no-recursion',
          'the functions of %s write to nothing that invokes a function, and invoke none',
        ),
      },
      {
        protection: 'results do not go into the topic from which their ingestion takes its requests',
        removals: cut(
          'lib/ingestion/result-sink.ts',
          'if (ingestion === undefined) return [];',
          'if (ingestion !== null) return [];',
        ),
        test: held(
          'ingestion/result-sink',
          'a result sink on a topic is refused on the topic from which the ingestion takes its requests, where each result would become a request',
        ),
      },
    ],
  },
  {
    id: 'F25',
    fault: 'clocks differ, and datapoints come late',
    sources: ['https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/publishingMetrics.html'],
    protections: [
      {
        protection: 'the guard does not go back in time',
        removals: cut(
          'lib/cost/decide/guard-level.ts',
          'const atSeconds = Math.max(seen.atSeconds, memory?.atSeconds ?? seen.atSeconds);',
          'const atSeconds = seen.atSeconds;',
        ),
        test: held(
          'cost/decide/guard-level',
          'the meter of decideGuardLevel does not go back in time on a late evaluation',
        ),
      },
      {
        protection: 'a minute counts once CloudWatch has collected it',
        removals: cut(
          'lambda/capacity-forecaster/observe.ts',
          'const SETTLE_SECONDS = 60;',
          'const SETTLE_SECONDS = 0;',
        ),
        test: held(
          'lambda/capacity-forecaster/handler',
          'every later evaluation leaves a minute alone that CloudWatch may still be collecting',
        ),
      },
    ],
  },
  {
    id: 'F26',
    fault: 'an instance is in service and sick',
    sources: [
      'https://github.com/aws/deep-learning-containers/issues/2917',
      'https://github.com/aws/containers-roadmap/issues/2432',
    ],
    protections: [
      {
        protection: 'an alarm on errors beside those on load',
        removals: cut(
          'lib/monitoring/endpoint-alarms.ts',
          'return {\n    EndpointErrors: {',
          'return {\n    EndpointLatency: {',
        ),
        test: held('monitoring/monitoring', 'PlatformAlarms watches every part'),
      },
      {
        protection: 'an alarm on desired instances that do not come into service',
        removals: cut('lib/scaling/decide/scale-events.ts', 'value: Math.max(0, desired - current) }]', 'value: 0 }]'),
        test: held('lambda/scale-events/handler', 'the state of the fleets is published with every invocation'),
      },
      {
        protection: 'a start that failed is no capacity',
        removals: cut(
          'lib/scaling/decide/scale-events.ts',
          'return !hasFailed(activity) && wantedCapacity(activity.description) !== undefined;',
          'return wantedCapacity(activity.description) !== undefined;',
        ),
        test: held(
          'scaling/decide/scale-events',
          'eventsOfActivities tells a failed activity as wanted and failed, and lets it change nothing',
        ),
      },
    ],
  },
  {
    id: 'F27',
    fault: 'a trace holds what is no number',
    sources: ['https://developer.mozilla.org/en-US/docs/Web/JavaScript/Reference/Global_Objects/Number/Number'],
    protections: [
      {
        protection: 'only decimal numbers are numbers',
        removals: cut(
          'lib/simulation/traffic/trace-text.ts',
          'const value = DECIMAL.test(text) ? Number(text) : NaN;',
          'const value = Number(text);',
        ),
        test: held(
          'simulation/traffic/trace-hostile',
          'a hostile trace with %s is refused with its line, the value and the way out',
        ),
      },
      {
        protection: 'numbers are not negative',
        removals: cut(
          'lib/simulation/traffic/trace-text.ts',
          "if (typeof value === 'number' && value >= limits.minimum && value <= limits.maximum) return value;",
          "if (typeof value === 'number' && value <= limits.maximum) return value;",
        ),
        test: held(
          'simulation/traffic/trace-hostile',
          'a hostile trace with %s is refused with its line, the value and the way out',
        ),
      },
      {
        protection: 'timestamps are not negative',
        removals: cut(
          'lib/simulation/traffic/timestamps.ts',
          'Number.isFinite(value) && value >= 0) return value;',
          'Number.isFinite(value)) return value;',
        ),
        test: held(
          'simulation/traffic/trace-hostile',
          'a hostile trace with %s is refused with its line, the value and the way out',
        ),
      },
      {
        protection: 'binary data is refused',
        removals: cut('lib/simulation/traffic/trace-text.ts', "if (text.includes('\\u0000')) {", 'if (false) {'),
        test: held(
          'simulation/traffic/trace-hostile',
          'a hostile trace with %s is refused with its line, the value and the way out',
        ),
      },
    ],
  },
  {
    id: 'F28',
    fault: 'a price is missing, zero or ambiguous',
    sources: [
      'https://github.com/redhat-performance/configiq/pull/78',
      'https://github.com/dstackai/gpuhunt/pull/36',
      'https://github.com/alexei-led/spotinfo/issues/2',
      'https://github.com/aws-samples/hpc-cost-simulator/issues/103',
    ],
    protections: [
      {
        protection: 'a missing price is an error',
        removals: cut(
          'lib/catalog/prices.ts',
          'throw new UnknownPriceError(missingPrice(instanceType, region, purpose), [instanceType]);',
          'return { instanceType, region, purpose, usdPerHour: 0, source: missingPrice.name };',
        ),
        test: held('catalog/prices', 'prices that are missing are an error with the way out, never zero'),
      },
      {
        protection: 'a price of zero or below is an error',
        removals: cut('lib/catalog/prices.ts', 'value >= MIN_USD_PER_HOUR &&', ''),
        test: held('catalog/prices', 'price overrides of %p are refused'),
      },
      {
        protection: 'two prices for one thing are an error',
        removals: cut('lib/catalog/prices.ts', 'if (before !== undefined && before !== price) {', 'if (false) {'),
        test: held('catalog/prices', 'price overrides that contradict each other are refused, repeats are not'),
      },
      {
        protection: 'a price list with two prices for one thing is refused',
        removals: cut(
          'lib/catalog/price-list.ts',
          'others.every(({ usdPerHour }) => usdPerHour === first!.usdPerHour)',
          'others.length >= 0',
        ),
        test: held('catalog/price-list', 'a price is a problem and never free that two products contradict'),
      },
      {
        protection: 'a price list without a price is refused',
        removals: cut(
          'lib/catalog/price-list.ts',
          'if (prices.length === 0 && problems.length === 0)',
          'if (prices.length < 0)',
        ),
        test: held('catalog/price-list', 'a document that is %s has problems and no price'),
      },
      {
        protection: 'an instance without a price counts at the highest known one',
        removals: cut(
          'lib/cost/decide/meter.ts',
          'rateUsdPerHour += count * (price ?? highest);',
          'rateUsdPerHour += count * (price ?? 0);',
        ),
        test: held(
          'cost/decide/meter',
          'fleetRate names a type without a price and counts it at the highest known one',
        ),
      },
    ],
  },
];
