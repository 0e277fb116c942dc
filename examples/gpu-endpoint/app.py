from aws_cdk import App, Environment, Stack, aws_s3 as s3
from tidegate import inference

app = App()
stack = Stack(app, "GpuEndpoint", env=Environment(account="123456789012", region="us-east-1"))
models = s3.Bucket.from_bucket_name(stack, "Models", "my-models")

endpoint = inference.GpuEndpoint(
    stack,
    "Chat",
    model_server=inference.ModelServer.triton(default_model_name="chat"),
    model_artifact=inference.ModelArtifact.from_bucket(models, "chat/model.tar.gz"),
    # The second type takes over when SageMaker finds no capacity of the first.
    capacity=inference.InstanceCapacityProps(
        pools=[
            inference.InstancePool(instance_type="ml.g5.xlarge"),
            inference.InstancePool(instance_type="ml.g6.xlarge"),
        ]
    ),
    max_concurrency_per_instance=8,  # what one instance was tested with
)
scaling = endpoint.auto_scale(min_capacity=1, max_capacity=8)
scaling.scale_on_concurrency("concurrency")

app.synth()
