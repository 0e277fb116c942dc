"""The stacks of one-of-each.ts in Python: same names, same properties, so the same templates."""

from aws_cdk import App, Duration, Environment, Size, Stack
from aws_cdk import aws_sns as sns
from tidegate import cost, inference, ingestion, monitoring, platform, proof, scaling, training

app = App()
stack = Stack(app, "Mine", env=Environment(region="us-east-1"))
model = training.PackedAsset(stack, "Model", path=training.PackedAsset.initial_model_path())
endpoint = inference.GpuEndpoint(
    stack,
    "Endpoint",
    model_server=inference.ModelServer.triton(),
    model_artifact=inference.ModelArtifact.from_bucket(model.bucket, model.object_key),
    capacity=inference.InstanceCapacityProps(
        pools=[
            inference.InstancePool(instance_type="ml.g5.xlarge"),
            inference.InstancePool(instance_type="ml.g6.xlarge"),
        ]
    ),
    max_concurrency_per_instance=8,
)
fleet = endpoint.auto_scale(min_capacity=1, max_capacity=8)
fleet.scale_on_concurrency("concurrency")
stream = ingestion.StreamIngestion(stack, "Ingestion", endpoint=endpoint)
pipeline = training.TrainingPipeline(
    stack,
    "Training",
    training_data=stream.results_bucket,
    instance_types=["ml.g5.xlarge"],
    max_runtime=Duration.hours(1),
)
guard = cost.CostGuard(
    stack,
    "Guard",
    budget_usd=5000,
    fleets=[cost.GuardedFleetProps(scaling=fleet)],
    training=cost.GuardedTrainingProps(
        job_name_prefix=f"{pipeline.job_name_prefix}-",
        instance_types=["ml.g5.xlarge"],
    ),
)
scaling.CapacityForecaster(stack, "Forecast", scaling=fleet, service_time=Duration.millis(800))
scaling.ScaleEvents(stack, "ScaleEvents", fleets=[endpoint])
monitoring.PlatformAlarms(stack, "Alarms", topic=sns.Topic(stack, "Topic")).watch_endpoint(endpoint)
monitoring.PlatformDashboard(stack, "Dashboard", endpoint=endpoint, guard=guard)
monitoring.Notifications(
    stack, "Notifications", topic=guard.topic, email_addresses=["oncall@example.com"]
)
inference.ConfigurationSweeper(stack, "Sweeper")

others = Stack(app, "Others", env=Environment(account="123456789012", region="us-east-1"))
image = inference.ModelServer.image("123456789012.dkr.ecr.us-east-1.amazonaws.com/films:3")
films = inference.AsyncEndpoint(
    others,
    "Films",
    model_server=image,
    capacity=inference.InstanceCapacityProps(
        pools=[inference.InstancePool(instance_type="ml.g5.xlarge")]
    ),
)
films_scaling = films.auto_scale(min_capacity=0, max_capacity=4)
films_scaling.scale_on_backlog("backlog")
films_scaling.scale_to_zero("from-zero")
shared = inference.SharedGpuEndpoint(
    others,
    "Shared",
    capacity=inference.InstanceCapacityProps(
        pools=[inference.InstancePool(instance_type="ml.g5.12xlarge")]
    ),
    max_instances=4,
    inference_ami="al2023-ami-sagemaker-inference-gpu-4-1",
)
chat = shared.add_model("Chat", model_server=image, memory=Size.gibibytes(16))
chat.auto_scale(min_capacity=1, max_capacity=8).scale_on_concurrency("concurrency")
inference.ServerlessEndpoint(
    others, "Router", model_server=image, memory=Size.gibibytes(2), max_concurrency=20
)

platform.PlatformStack(
    app,
    "Whole",
    stage=platform.StageConfiguration(
        name="mine",
        instance_types=["ml.g5.xlarge"],
        min_capacity=1,
        max_capacity=4,
        training_instance_types=["ml.g5.xlarge"],
        budget_usd=5000,
    ),
)
assembly = app.synth()
print(proof.PolicyProof.__name__, len(assembly.stacks))
