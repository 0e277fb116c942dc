"""CloudWatch as a store: data and alarm changes are forwarded to the emulator, which alone evaluates alarms."""

import time

from . import clock
from .emulator import notifications

KEEP_SECONDS = 3 * 3600  # local; older data points are removed
_TRIM_EVERY_SECONDS = 60  # local
_NOT_FORWARDED = ("AWS/SageMaker", "/aws/sagemaker")


def _forward(namespace, name, dimensions, at, unit, value, values, counts, statistics) -> None:
    if namespace.startswith(_NOT_FORWARDED):
        return
    if statistics is not None:
        count, total = float(statistics.get("SampleCount", 0)), float(statistics.get("Sum", 0))
        low, high = float(statistics.get("Minimum", 0)), float(statistics.get("Maximum", 0))
    elif values is not None:
        weights = [float(c) for c in counts or [1.0] * len(values)]
        numbers = [float(v) for v in values]
        count, total = sum(weights), sum(v * w for v, w in zip(numbers, weights))
        low, high = min(numbers, default=0.0), max(numbers, default=0.0)
    else:
        count, total, low, high = 1.0, float(value or 0), float(value or 0), float(value or 0)
    if count > 0:
        notifications.metric(namespace, name, dimensions, at, unit or "None", count, total, low, high)


def _flag(value) -> bool:
    return value if isinstance(value, bool) else str(value).lower() != "false"


def install() -> None:
    from ministack.services import cloudwatch as cw
    from ministack.services.cloudformation import provisioners

    store_datum, record_metric, put_metric_alarm = cw._store_datum, cw.record_metric, cw._put_metric_alarm

    def store(namespace, name, dims, ts, unit, value, values, counts, stat_values):
        store_datum(namespace, name, dims, ts, unit, value, values, counts, stat_values)
        _forward(namespace, name, dims, ts, unit, value, values, counts, stat_values)

    def record(namespace, metric_name, value, unit="None", dimensions=None):
        record_metric(namespace, metric_name, value, unit, dimensions)
        _forward(namespace, metric_name, dimensions or {}, time.time(), unit, value, None, None, None)

    last_trim = [clock.now()]

    def trim():
        if clock.now() - last_trim[0] < _TRIM_EVERY_SECONDS:
            return
        last_trim[0] = clock.now()
        cutoff = last_trim[0] - KEEP_SECONDS
        for key, points in list(cw._metrics._data.items()):
            del points[: next((i for i, point in enumerate(points) if point["Timestamp"] >= cutoff), len(points))]

    def put_alarm(params, data, is_cbor, is_json=False):
        reply = put_metric_alarm(params, data, is_cbor, is_json)
        if reply[0] == 200 and data.get("Metrics"):
            alarm = cw._alarms[data["AlarmName"]]
            for key in ("MetricName", "Namespace", "Statistic", "ExtendedStatistic", "Period", "Dimensions", "Unit"):
                alarm.pop(key, None)
            alarm["Metrics"] = data["Metrics"]
        return reply

    alarm_record = provisioners._cw_metric_alarm_record

    def template_alarm(name, properties):
        """Record of a template's alarm; metric math, which the engine refuses, is kept for the emulator."""
        metrics = properties.get("Metrics")
        if not metrics:
            return alarm_record(name, properties)
        plain = {key: value for key, value in properties.items() if key != "Metrics"}
        alarm = alarm_record(name, {**plain, "MetricName": "-", "Namespace": "-"})
        for key in ("MetricName", "Namespace", "Statistic", "ExtendedStatistic", "Period", "Dimensions", "Unit"):
            alarm.pop(key, None)
        alarm["Metrics"] = [
            {**query, **({"ReturnData": _flag(query["ReturnData"])} if "ReturnData" in query else {})} for query in metrics]
        return alarm

    def announcing(function):
        def call(*args, **kwargs):
            try:
                return function(*args, **kwargs)
            finally:
                notifications.alarms_changed()
        return call

    cw._store_datum, cw.record_metric, cw._evict_old_metrics = store, record, trim
    cw._evaluate_all_alarms = lambda: None
    cw._evaluate_alarm = lambda alarm: None
    cw._put_metric_alarm, cw._delete_alarms = announcing(put_alarm), announcing(cw._delete_alarms)
    cw.cloudformation_put_metric_alarm = announcing(cw.cloudformation_put_metric_alarm)
    cw.cloudformation_delete_metric_alarm = announcing(cw.cloudformation_delete_metric_alarm)
    provisioners._cw_metric_alarm_record = template_alarm
