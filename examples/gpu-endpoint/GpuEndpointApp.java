import io.github.tidegate.inference.GpuEndpoint;
import io.github.tidegate.inference.InstanceCapacityProps;
import io.github.tidegate.inference.InstancePool;
import io.github.tidegate.inference.ModelArtifact;
import io.github.tidegate.inference.ModelServer;
import io.github.tidegate.inference.TritonOptions;
import io.github.tidegate.scaling.AutoScaleProps;
import io.github.tidegate.scaling.FleetScaling;
import java.util.List;
import software.amazon.awscdk.App;
import software.amazon.awscdk.Environment;
import software.amazon.awscdk.Stack;
import software.amazon.awscdk.StackProps;
import software.amazon.awscdk.services.s3.Bucket;
import software.amazon.awscdk.services.s3.IBucket;

public class GpuEndpointApp {
  public static void main(String[] args) {
    App app = new App();
    Environment env = Environment.builder().account("123456789012").region("us-east-1").build();
    Stack stack = new Stack(app, "GpuEndpoint", StackProps.builder().env(env).build());
    IBucket models = Bucket.fromBucketName(stack, "Models", "my-models");

    GpuEndpoint endpoint = GpuEndpoint.Builder.create(stack, "Chat")
        .modelServer(ModelServer.triton(TritonOptions.builder().defaultModelName("chat").build()))
        .modelArtifact(ModelArtifact.fromBucket(models, "chat/model.tar.gz"))
        // The second type takes over when SageMaker finds no capacity of the first.
        .capacity(InstanceCapacityProps.builder()
            .pools(List.of(
                InstancePool.builder().instanceType("ml.g5.xlarge").build(),
                InstancePool.builder().instanceType("ml.g6.xlarge").build()))
            .build())
        .maxConcurrencyPerInstance(8) // what one instance was tested with
        .build();
    FleetScaling scaling = endpoint.autoScale(AutoScaleProps.builder().minCapacity(1).maxCapacity(8).build());
    scaling.scaleOnConcurrency("concurrency");

    app.synth();
  }
}
