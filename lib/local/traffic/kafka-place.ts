/** Place of a record in a topic, which names it as a sequence number names one of a stream. */
export const kafkaPlace = (topic: string, partition: number, offset: number): string =>
  `${topic}-${partition}:${offset}`;
