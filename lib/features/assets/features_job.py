"""Turns landed results and measurements into a table of features.

    landing (JSON lines) -> checked, one row an id, sessions by key -> Parquet by day and hour

The table is a function of the landed objects alone: their order, the number of runs and a run that is killed make no difference.

- Incremental: a manifest has the objects that were read. A run reads the others, and computes the hours from the first changed row on.
- A line that is not valid, or late, is set aside with its reason. Every line is in the table, a duplicate, or set aside; the counts of each
  commit have the numbers.
- Commit: a run writes its files to a folder of its own, and then one commit object that names them, which is its only point of no
  return. Files are then copied to their places, one file an hour, and an interrupted copy is completed by the next run.
- Features of a row use earlier rows of its session only, so a model sees nothing that was unknown at the time of the request.

Runs on Spark 4 without further packages: spark-submit features_job.py --landing URI [--landing URI] --output URI
"""

import argparse
import concurrent.futures
import datetime
import json
import sys
import uuid

from pyspark.sql import SparkSession, Window
from pyspark.sql import functions as F
from pyspark.sql import types as T

MAX_QUARANTINED_TEXT = 32 * 1024
MAX_CLOCK_SKEW_SECONDS = 300
MICROSECONDS = 1_000_000
HOUR_MICROSECONDS = 3600 * MICROSECONDS
# 2000-01-01 and 2100-01-01, seconds since 1970.
TIME_RANGE = (946_684_800, 4_102_444_800)
# Above it no sum of a session stays within 64 bits, and no model is meant.
MAX_TOKENS = 1_000_000_000
COPIES_AT_ONCE = 16

TABLE, TRAINING, QUARANTINE = "table", "training", "quarantine"
COMMITS, PUBLISHED, RUNS = "_commits", "_published", "_runs"

LINE = T.StructType(
    [
        T.StructField("id", T.StringType()),
        T.StructField("key", T.StringType()),
        T.StructField("sequence_number", T.StringType()),
        T.StructField("arrived_at", T.DoubleType()),
        T.StructField("answered_at", T.DoubleType()),
        T.StructField("request_seconds", T.DoubleType()),
        T.StructField("status", T.IntegerType()),
        T.StructField("model", T.StringType()),
        T.StructField("variant", T.StringType()),
        T.StructField("content_type", T.StringType()),
        T.StructField("input_tokens", T.LongType()),
        T.StructField("output_tokens", T.LongType()),
        T.StructField("response_bytes", T.LongType()),
        T.StructField("error", T.StringType()),
        T.StructField("dead_letter", T.StringType()),
        T.StructField("context_tokens", T.LongType()),
        T.StructField("generated_tokens", T.LongType()),
        T.StructField("sent_at", T.DoubleType()),
        T.StructField("service_seconds", T.DoubleType()),
        T.StructField("queue_seconds", T.DoubleType()),
        T.StructField("_corrupt", T.StringType()),
    ]
)
NUMBERS = [field.name for field in LINE if not isinstance(field.dataType, T.StringType)]
TOKENS = [name for name in NUMBERS if name.endswith("_tokens")]

RESULT = T.StructType(
    [
        T.StructField("key", T.StringType()),
        T.StructField("unanswered", T.IntegerType()),
        T.StructField("event_us", T.LongType()),
        T.StructField("sequence_number", T.StringType()),
        T.StructField("answered_us", T.LongType()),
        T.StructField("hash", T.LongType()),
        T.StructField("request_seconds", T.DoubleType()),
        T.StructField("status", T.IntegerType()),
        T.StructField("model", T.StringType()),
        T.StructField("variant", T.StringType()),
        T.StructField("content_type", T.StringType()),
        T.StructField("input_tokens", T.LongType()),
        T.StructField("output_tokens", T.LongType()),
        T.StructField("response_bytes", T.LongType()),
        T.StructField("error", T.StringType()),
        T.StructField("dead_letter", T.StringType()),
    ]
)
MEASUREMENT = T.StructType(
    [
        T.StructField("key", T.StringType()),
        T.StructField("event_us", T.LongType()),
        T.StructField("answered_us", T.LongType()),
        T.StructField("hash", T.LongType()),
        T.StructField("context_tokens", T.LongType()),
        T.StructField("generated_tokens", T.LongType()),
        T.StructField("sent_us", T.LongType()),
        T.StructField("service_seconds", T.DoubleType()),
        T.StructField("queue_seconds", T.DoubleType()),
    ]
)
# Of the rows of an id the first one in this order counts: an answer before a dead letter, which may have been redriven. It depends on the
# contents only.
RESULT_ORDER = ["unanswered", "event_us", "sequence_number", "answered_us", "hash"]
MEASUREMENT_ORDER = ["answered_us", "hash"]

ROW = T.StructType(
    [
        T.StructField("id", T.StringType()),
        T.StructField("key", T.StringType()),
        T.StructField("event_time", T.TimestampType()),
        T.StructField("session_id", T.StringType()),
        T.StructField("session_start", T.TimestampType()),
        T.StructField("session_index", T.LongType()),
        T.StructField("session_input_tokens", T.LongType()),
        T.StructField("session_output_tokens", T.LongType()),
        T.StructField("seconds_since_previous", T.DoubleType()),
        T.StructField("hour_of_day", T.IntegerType()),
        T.StructField("day_of_week", T.IntegerType()),
        T.StructField("input_tokens", T.LongType()),
        T.StructField("output_tokens", T.LongType()),
        T.StructField("request_seconds", T.DoubleType()),
        T.StructField("service_seconds", T.DoubleType()),
        T.StructField("queue_seconds", T.DoubleType()),
        T.StructField("is_answered", T.BooleanType()),
        T.StructField("result", RESULT),
        T.StructField("measurement", MEASUREMENT),
        T.StructField("day", T.StringType()),
        T.StructField("hour", T.StringType()),
    ]
)


class JobError(Exception):
    """Error that the user can correct."""


def progress(message, **values):
    print(f"features: {message}" + (f" {json.dumps(values, sort_keys=True)}" if values else ""), flush=True)


class Store:
    """Files below the output, on any file system of Hadoop."""

    def __init__(self, spark, root):
        self.spark = spark
        self.jvm = spark._jvm
        self.conf = spark._jsc.hadoopConfiguration()
        self.root = root.rstrip("/")
        self.fs = self._path("").getFileSystem(self.conf)

    def _path(self, name):
        return self.jvm.org.apache.hadoop.fs.Path(f"{self.root}/{name}" if name else self.root)

    def uri(self, name):
        return f"{self.root}/{name}"

    def exists(self, name):
        return self.fs.exists(self._path(name))

    def names(self, folder):
        """Returns the sorted names in a folder; none where it does not exist."""
        if not self.exists(folder):
            return []
        return sorted(
            status.getPath().getName()
            for status in self.fs.listStatus(self._path(folder))
            if not status.getPath().getName().startswith(".")
        )

    def files(self, folder):
        """Returns the sorted paths of the files below a folder, relative to the root, without those that begin with a point or line."""
        if not self.exists(folder):
            return []
        base = self.fs.makeQualified(self._path("")).toString().rstrip("/") + "/"
        found, listed = [], self.fs.listFiles(self._path(folder), True)
        while listed.hasNext():
            path = listed.next().getPath()
            if not path.getName().startswith((".", "_")):
                found.append(path.toString()[len(base) :])
        return sorted(found)

    def read(self, name):
        return self.spark.read.text(self.uri(name), wholetext=True).first()[0]

    def write_whole(self, name, text):
        """Writes a file that is complete as soon as it has its name."""
        part = f"{name.rsplit('/', 1)[0]}/.{uuid.uuid4().hex}"
        stream = self.fs.create(self._path(part), True)
        stream.write(bytearray(text.encode("utf-8")))
        stream.close()
        if self.exists(name) or not self.fs.rename(self._path(part), self._path(name)):
            self.fs.delete(self._path(part), False)
            raise JobError(f"{self.uri(name)} exists already; another run is at work, and only one may be at a time")

    def copy(self, source, target):
        util = self.jvm.org.apache.hadoop.fs.FileUtil
        if not util.copy(self.fs, self._path(source), self.fs, self._path(target), False, True, self.conf):
            raise JobError(f"{self.uri(source)} could not be copied to {self.uri(target)}")

    def delete(self, name):
        self.fs.delete(self._path(name), True)


def publish(store, number):
    """Copies the files of a commit to their places, and deletes what it replaces. Doing it twice equals doing it once."""
    name = f"{number:08d}"
    commit = json.loads(store.read(f"{COMMITS}/{name}.json"))
    with concurrent.futures.ThreadPoolExecutor(COPIES_AT_ONCE) as pool:
        list(pool.map(lambda pair: store.copy(*pair), commit["put"]))
        list(pool.map(store.delete, commit["delete"]))
    store.write_whole(f"{PUBLISHED}/{name}", name)
    if commit["run"]:
        store.delete(f"{RUNS}/{commit['run']}")
    return commit


def recover(store):
    """Completes a commit whose run was interrupted, and returns the number of the last commit, 0 without one."""
    commits = [int(name[: -len(".json")]) for name in store.names(COMMITS)]
    published = {int(name) for name in store.names(PUBLISHED)}
    for number in commits:
        if number not in published:
            progress("completing a commit of an interrupted run", commit=number)
            publish(store, number)
    # Folders of runs that ended before their commit.
    for run in store.names(RUNS):
        store.delete(f"{RUNS}/{run}")
    return max(commits, default=0)


def landed_objects(spark, prefixes):
    """Returns the paths and sizes of the landed objects."""
    conf = spark._jsc.hadoopConfiguration()
    path = spark._jvm.org.apache.hadoop.fs.Path
    present = [prefix for prefix in prefixes if path(prefix).getFileSystem(conf).exists(path(prefix))]
    if not present:
        return {}
    listed = (
        spark.read.format("binaryFile")
        .option("recursiveFileLookup", "true")
        .option("pathGlobFilter", "*.jsonl")
        .load(present)
        .select("path", "length")
    )
    return {row.path: row.length for row in listed.toLocalIterator()}


def manifest(spark, store):
    """Returns the objects that earlier commits have read."""
    if not store.names(COMMITS):
        return {}
    schema = "objects array<struct<path: string, length: long>>"
    names = [store.uri(f"{COMMITS}/{name}") for name in store.names(COMMITS)]
    commits = spark.read.schema(schema).option("multiLine", "true").json(names)
    rows = commits.select(F.explode("objects").alias("o")).select("o.path", "o.length")
    return {row.path: row.length for row in rows.toLocalIterator()}


def microseconds(column):
    """Returns whole microseconds; null for a time that 64 bits do not hold, because an error would end the run for one line."""
    return F.round(column * MICROSECONDS).try_cast("long")


def read_lines(spark, paths, watermark_seconds):
    """Returns the lines of objects: parsed, with their kind, and with a reason where they are set aside."""
    text = spark.read.text(paths).select(F.col("value").alias("line"), F.col("_metadata.file_path").alias("source"))
    text = text.where(F.length(F.trim("line")) > 0)
    options = {"mode": "PERMISSIVE", "columnNameOfCorruptRecord": "_corrupt"}
    parsed = text.withColumn("v", F.from_json("line", LINE, options)).select("line", "source", "v.*")
    kind = F.when(
        F.col("sequence_number").isNotNull() | F.col("arrived_at").isNotNull(), F.lit("result")
    ).when(F.col("service_seconds").isNotNull(), F.lit("measurement"))
    event = F.when(kind == "result", F.col("arrived_at")).otherwise(
        F.coalesce(
            "sent_at", F.col("answered_at") - F.col("service_seconds") - F.coalesce("queue_seconds", F.lit(0.0))
        )
    )

    def out_of_range(column):
        return F.isnan(column) | (column < TIME_RANGE[0]) | (column >= TIME_RANGE[1])

    wrong_number = F.lit(False)
    for name in NUMBERS:
        wrong_number = wrong_number | F.coalesce(
            (F.col(name) < 0) | F.isnan(F.col(name).cast("double")) | (F.col(name) == float("inf")), F.lit(False)
        )
    too_many = F.lit(False)
    for name in TOKENS:
        too_many = too_many | F.coalesce(F.col(name) > MAX_TOKENS, F.lit(False))
    # The parser takes the first of several objects: the others would be lost. Texts are left out, which may have braces.
    several = F.col("line").rlike(r"\}\s*\{") & F.regexp_replace("line", r'"(?:[^"\\]++|\\.)*+"', "").rlike(r"\}\s*\{")
    is_object = F.trim("line").startswith("{") & F.trim("line").endswith("}") & ~several
    reason = (
        # Read as text they would have other characters, and different keys could be the same.
        F.when(~F.is_valid_utf8("line"), "not UTF-8")
        .when(F.col("_corrupt").isNotNull() | ~is_object, "not JSON, or a field of another type")
        .when(F.coalesce(F.col("id"), F.lit("")) == "", "no id")
        .when(F.col("key").isNull(), "no key")
        .when(kind.isNull(), "neither a result nor a measurement")
        .when(
            (kind == "measurement") & (F.col("context_tokens").isNull() | F.col("generated_tokens").isNull()),
            "a measurement without tokens",
        )
        .when(wrong_number, "a number below 0 or infinite")
        .when(too_many, "more tokens than a request has")
        .when(event.isNull() | F.col("answered_at").isNull(), "no time")
        .when(
            out_of_range(event)
            | out_of_range(F.col("answered_at"))
            | (event - F.col("answered_at") > MAX_CLOCK_SKEW_SECONDS),
            "a time out of range",
        )
        .when(F.col("answered_at") - event > watermark_seconds, "late")
    )
    return parsed.withColumns(
        {
            "kind": kind,
            "event_us": microseconds(event),
            "answered_us": microseconds(F.col("answered_at")),
            "sent_us": microseconds(F.col("sent_at")),
            "hash": F.xxhash64("line"),
            "unanswered": F.col("dead_letter").isNotNull().cast("int"),
            "reason": reason,
        }
    )


def parts_by_id(good):
    """Returns the first result and the first measurement of every id."""

    def part(kind, schema, order):
        is_kind = F.col("kind") == kind
        value = F.when(is_kind, F.struct(*[F.col(field.name).cast(field.dataType).alias(field.name) for field in schema]))
        return F.min_by(value, F.when(is_kind, F.struct(*order)))

    return good.groupBy("id").agg(
        part("result", RESULT, RESULT_ORDER).alias("result"),
        part("measurement", MEASUREMENT, MEASUREMENT_ORDER).alias("measurement"),
    )


def order_of(part, order):
    return F.when(F.col(part).isNotNull(), F.struct(*[F.col(f"{part}.{name}") for name in order]))


def event_of(result="result", measurement="measurement"):
    return F.coalesce(F.col(f"{result}.event_us"), F.col(f"{measurement}.event_us"))


def changes(fresh, table):
    """Returns the ids that change the table, with the parts that count for them and the event time of the row that they replace."""
    known = table.select(
        F.col("id"), F.col("result").alias("old_result"), F.col("measurement").alias("old_measurement")
    ).join(fresh.select("id"), "id", "left_semi")
    joined = fresh.join(known, "id", "left")

    def wins(part, order):
        new, old = order_of(part, order), order_of(f"old_{part}", order)
        return new.isNotNull() & (old.isNull() | (new < old))

    result_wins = wins("result", RESULT_ORDER)
    measurement_wins = wins("measurement", MEASUREMENT_ORDER)
    return (
        joined.withColumns({"result_wins": result_wins, "measurement_wins": measurement_wins})
        .where("result_wins or measurement_wins")
        .select(
            "id",
            F.when(F.col("result_wins"), F.col("result")).otherwise(F.col("old_result")).alias("result"),
            F.when(F.col("measurement_wins"), F.col("measurement"))
            .otherwise(F.col("old_measurement"))
            .alias("measurement"),
            event_of("old_result", "old_measurement").alias("old_event_us"),
            (F.col("result_wins") & F.col("old_result").isNull()).alias("adds_result"),
            (F.col("measurement_wins") & F.col("old_measurement").isNull()).alias("adds_measurement"),
        )
    )


def partition_of(event_us):
    moment = F.timestamp_micros(event_us)
    return F.date_format(moment, "yyyy-MM-dd"), F.date_format(moment, "HH")


def from_hour(frame, start_us, until_us=None):
    """Returns the rows of the hours from one moment until another; the hours are partitions."""

    def names(moment_us):
        moment = datetime.datetime.fromtimestamp(moment_us // MICROSECONDS, datetime.timezone.utc)
        return f"{moment:%Y-%m-%d}", f"{moment:%H}"

    day, hour = names(start_us)
    rows = frame.where((F.col("day") > day) | ((F.col("day") == day) & (F.col("hour") >= hour)))
    if until_us is None:
        return rows
    day, hour = names(until_us)
    return rows.where((F.col("day") < day) | ((F.col("day") == day) & (F.col("hour") < hour)))


def with_sessions(rows, seeds, gap_seconds):
    """
    Adds the features of sessions: of each row from those before it.

    `seeds` has the last row before them of each key, with its features, from which sessions continue.
    """
    order = ["event_us", "id"]
    by_key = Window.partitionBy("key").orderBy(*order)
    all_rows = rows.withColumns(
        {
            "is_seed": F.lit(False),
            "seed_start_us": F.lit(None).cast("long"),
            "seed_index": F.lit(0).cast("long"),
            "seed_input": F.lit(0).cast("long"),
            "seed_output": F.lit(0).cast("long"),
        }
    ).unionByName(seeds)
    previous = F.lag("event_us").over(by_key)
    begins = previous.isNull() | (F.col("event_us") - previous > gap_seconds * MICROSECONDS)
    all_rows = all_rows.withColumns({"previous_us": previous, "begins": begins.cast("long")})
    chained = all_rows.withColumn("chain", F.sum("begins").over(by_key.rowsBetween(Window.unboundedPreceding, 0)))
    session = Window.partitionBy("key", "chain").orderBy(*order)
    before = session.rowsBetween(Window.unboundedPreceding, -1)

    def first(name):
        return F.first(name).over(session.rowsBetween(Window.unboundedPreceding, 0))

    start = F.when(first("is_seed"), first("seed_start_us")).otherwise(first("event_us"))
    featured = chained.withColumns(
        {
            "start_us": start,
            "session_index": (first("seed_index") + F.row_number().over(session) - 1).cast("long"),
            "session_input_tokens": first("seed_input")
            + F.coalesce(F.sum("input_count").over(before), F.lit(0).cast("long")),
            "session_output_tokens": first("seed_output")
            + F.coalesce(F.sum("output_count").over(before), F.lit(0).cast("long")),
        }
    )
    continues = F.col("begins") == 0
    return featured.where(~F.col("is_seed")).withColumns(
        {
            "session_start": F.timestamp_micros("start_us"),
            "session_id": F.substring(F.sha2(F.concat_ws("|", "key", F.col("start_us").cast("string")), 256), 1, 32),
            "seconds_since_previous": F.when(
                continues, (F.col("event_us") - F.col("previous_us")) / F.lit(float(MICROSECONDS))
            ),
        }
    )


def counted(frame):
    """Adds the event time and the tokens that sessions sum up."""
    return frame.withColumns(
        {
            "event_us": event_of(),
            "input_count": F.coalesce("result.input_tokens", "measurement.context_tokens", F.lit(0).cast("long")),
            "output_count": F.coalesce("result.output_tokens", "measurement.generated_tokens", F.lit(0).cast("long")),
        }
    )


def feature_rows(changed, table, start_us, gap_seconds):
    """Returns the rows of all hours from the first changed one on."""
    kept = from_hour(table, start_us).select("id", "result", "measurement")
    kept = kept.join(changed.select("id"), "id", "left_anti")
    merged = kept.unionByName(changed.select("id", "result", "measurement"))
    rows = counted(merged.withColumn("key", F.coalesce("result.key", "measurement.key")))

    gap_hours = gap_seconds // 3600 + 1
    last = Window.partitionBy("key").orderBy(F.desc("event_us"), F.desc("id"))
    seeds = (
        counted(from_hour(table, start_us - gap_hours * HOUR_MICROSECONDS, start_us))
        .withColumn("place", F.row_number().over(last))
        .where("place = 1")
        .select(
            "id",
            "result",
            "measurement",
            "key",
            "event_us",
            "input_count",
            "output_count",
            F.lit(True).alias("is_seed"),
            F.unix_micros("session_start").alias("seed_start_us"),
            F.col("session_index").alias("seed_index"),
            F.col("session_input_tokens").alias("seed_input"),
            F.col("session_output_tokens").alias("seed_output"),
        )
    )
    day, hour = partition_of(F.col("event_us"))
    moment = F.timestamp_micros("event_us")
    return (
        with_sessions(rows, seeds, gap_seconds)
        .withColumns(
            {
                "event_time": moment,
                "hour_of_day": F.hour(moment),
                "day_of_week": F.dayofweek(moment),
                "input_tokens": F.coalesce("result.input_tokens", "measurement.context_tokens"),
                "output_tokens": F.coalesce("result.output_tokens", "measurement.generated_tokens"),
                "request_seconds": F.col("result.request_seconds"),
                "service_seconds": F.col("measurement.service_seconds"),
                "queue_seconds": F.col("measurement.queue_seconds"),
                "is_answered": F.col("result.dead_letter").isNull(),
                "day": day,
                "hour": hour,
            }
        )
        .select(*[F.col(field.name).cast(field.dataType) for field in ROW])
    )


def training_lines(rows):
    """Measurements as `StreamIngestion` writes them, one an id."""
    m = "measurement."
    return rows.where(F.col("measurement").isNotNull()).select(
        "id",
        "key",
        F.col(m + "context_tokens"),
        F.col(m + "generated_tokens"),
        (F.col(m + "sent_us") / F.lit(float(MICROSECONDS))).alias("sent_at"),
        (F.col(m + "answered_us") / F.lit(float(MICROSECONDS))).alias("answered_at"),
        F.col(m + "service_seconds"),
        F.col(m + "queue_seconds"),
        "session_id",
        "session_index",
        "session_input_tokens",
        "session_output_tokens",
        "seconds_since_previous",
        "day",
        "hour",
    )


def placed(store, run, kind, extension):
    """Pairs the files that a run wrote with their places: by partition, numbered."""
    folder = f"{RUNS}/{run}/{kind}"
    numbers, pairs = {}, []
    for name in store.files(folder):
        partition = name[len(folder) + 1 :].rpartition("/")[0]
        number = numbers[partition] = numbers.get(partition, -1) + 1
        target = "/".join(filter(None, [kind, partition, f"part-{number:05d}.{extension}"]))
        pairs.append((name, target))
    return pairs


def is_from(name, start_us):
    """True for a file of the table in an hour from a moment on."""
    parts = dict(part.split("=", 1) for part in name.split("/") if "=" in part)
    moment = datetime.datetime.fromtimestamp(start_us // MICROSECONDS, datetime.timezone.utc)
    return (parts.get("day", ""), parts.get("hour", "")) >= (f"{moment:%Y-%m-%d}", f"{moment:%H}")


def run_job(spark, options):
    store = Store(spark, options.output)
    last = recover(store)
    landed = landed_objects(spark, options.landing)
    known = manifest(spark, store)
    if options.rebuild:
        missing = [path for path in known if path not in landed]
        if missing:
            raise JobError(
                f"{len(missing)} objects of the manifest are no longer landed, for example {min(missing)}; their rows would be lost. "
                "Run without --rebuild, or write to another --output"
            )
        fresh_paths = sorted(landed)
    else:
        fresh_paths = sorted(path for path, length in landed.items() if known.get(path) != length)
    if not fresh_paths and not options.rebuild:
        progress("nothing to do", objects=len(landed))
        return
    number = last + 1
    progress("reading", commit=number, objects=len(fresh_paths), rebuild=options.rebuild)

    if store.files(TABLE) and not options.rebuild:
        table = spark.read.schema(ROW).parquet(store.uri(TABLE))
    else:
        table = spark.createDataFrame([], ROW)
    lines = read_lines(spark, fresh_paths, options.watermark_seconds) if fresh_paths else None
    if lines is None:
        raise JobError("there is no landed object; check --landing")
    lines = lines.persist()
    counts = {"lines": 0, "result": 0, "measurement": 0, "quarantined": {}}
    for row in lines.groupBy("reason", "kind").count().collect():
        counts["lines"] += row["count"]
        if row.reason is None:
            counts[row.kind] += row["count"]
        else:
            counts["quarantined"][row.reason] = counts["quarantined"].get(row.reason, 0) + row["count"]

    run = uuid.uuid4().hex
    staged = store.uri(f"{RUNS}/{run}")
    changed = changes(parts_by_id(lines.where("reason is null")), table).persist()
    summary = changed.agg(
        F.min(F.least(event_of(), F.coalesce("old_event_us", event_of()))).alias("first_us"),
        F.count_if("adds_result").alias("results"),
        F.count_if("adds_measurement").alias("measurements"),
    ).first()
    counts["duplicates"] = {
        "result": counts["result"] - summary.results,
        "measurement": counts["measurement"] - summary.measurements,
    }
    if summary.first_us is not None:
        start_us = summary.first_us - summary.first_us % HOUR_MICROSECONDS
        rows = feature_rows(changed, table, start_us, options.session_gap_seconds)
        rows = rows.repartition("day", "hour").sortWithinPartitions("day", "hour", "key", "event_time", "id")
        rows.write.partitionBy("day", "hour").parquet(f"{staged}/{TABLE}")
        written = spark.read.schema(ROW).parquet(f"{staged}/{TABLE}")
        export = training_lines(written).repartition("day", "hour").sortWithinPartitions("day", "hour", "id")
        export.write.partitionBy("day", "hour").json(f"{staged}/{TRAINING}")
    if counts["quarantined"]:
        aside = lines.where("reason is not null").select(
            "reason", "source", F.substring("line", 1, MAX_QUARANTINED_TEXT).alias("line")
        )
        aside.coalesce(1).write.json(f"{staged}/{QUARANTINE}/commit={number:08d}")
    progress("staged", commit=number)

    put = [
        *placed(store, run, TABLE, "parquet"),
        *placed(store, run, TRAINING, "jsonl"),
        *placed(store, run, QUARANTINE, "json"),
    ]
    targets = {target for _, target in put}
    replaced = []
    if options.rebuild:
        replaced = [name for kind in (TABLE, TRAINING, QUARANTINE) for name in store.files(kind)]
    elif summary.first_us is not None:
        replaced = [name for kind in (TABLE, TRAINING) for name in store.files(kind) if is_from(name, start_us)]
    commit = {
        "commit": number,
        "run": run,
        "rebuild": options.rebuild,
        "counts": counts,
        "put": put,
        "delete": [name for name in replaced if name not in targets],
        "objects": [{"path": path, "length": landed[path]} for path in fresh_paths],
    }
    store.write_whole(f"{COMMITS}/{number:08d}.json", json.dumps(commit))
    progress("committed", commit=number)
    publish(store, number)
    progress("published", commit=number, files=len(put), **counts)


def positive(text):
    value = int(text)
    if value <= 0:
        raise argparse.ArgumentTypeError(f"{text} is not above 0")
    return value


def parse(arguments):
    parser = argparse.ArgumentParser(description="Turns landed results and measurements into a table of features.")
    parser.add_argument("--landing", action="append", required=True, help="URI of a folder with JSON lines; may be repeated")
    parser.add_argument("--output", required=True, help="URI of the folder of table, quarantine and commits")
    parser.add_argument("--watermark-seconds", type=positive, default=86_400, help="time to an outcome above which a row is late")
    parser.add_argument("--session-gap-seconds", type=positive, default=1_800, help="pause of a key that ends a session")
    parser.add_argument("--rebuild", action="store_true", help="compute the table again from every landed object")
    return parser.parse_args(arguments)


def main(arguments):
    options = parse(arguments)
    spark = (
        SparkSession.builder.appName("features")
        .config("spark.sql.session.timeZone", "UTC")
        .config("spark.sql.parquet.outputTimestampType", "TIMESTAMP_MICROS")
        # Names of partitions are texts: an hour keeps its zero.
        .config("spark.sql.sources.partitionColumnTypeInference.enabled", "false")
        # Corrupt lines are recognised by parsing them whole.
        .config("spark.sql.optimizer.enableJsonExpressionOptimization", "false")
        .config("spark.hadoop.mapreduce.fileoutputcommitter.marksuccessfuljobs", "false")
        .getOrCreate()
    )
    try:
        run_job(spark, options)
    except JobError as error:
        print(f"features: {error}", file=sys.stderr)
        return 2
    finally:
        spark.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
