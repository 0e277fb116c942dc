package main

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awss3"
	"github.com/aws/jsii-runtime-go"
	"github.com/tidegate/tidegate-go/tidegate/inference"
	"github.com/tidegate/tidegate-go/tidegate/scaling"
)

func main() {
	defer jsii.Close()
	app := awscdk.NewApp(nil)
	env := &awscdk.Environment{Account: jsii.String("123456789012"), Region: jsii.String("us-east-1")}
	stack := awscdk.NewStack(app, jsii.String("GpuEndpoint"), &awscdk.StackProps{Env: env})
	models := awss3.Bucket_FromBucketName(stack, jsii.String("Models"), jsii.String("my-models"))

	endpoint := inference.NewGpuEndpoint(stack, jsii.String("Chat"), &inference.GpuEndpointProps{
		ModelServer:   inference.ModelServer_Triton(&inference.TritonOptions{DefaultModelName: jsii.String("chat")}),
		ModelArtifact: inference.ModelArtifact_FromBucket(models, jsii.String("chat/model.tar.gz")),
		// The second type takes over when SageMaker finds no capacity of the first.
		Capacity: &inference.InstanceCapacityProps{Pools: &[]*inference.InstancePool{
			{InstanceType: jsii.String("ml.g5.xlarge")},
			{InstanceType: jsii.String("ml.g6.xlarge")},
		}},
		MaxConcurrencyPerInstance: jsii.Number(8), // what one instance was tested with
	})
	fleet := endpoint.AutoScale(&scaling.AutoScaleProps{MinCapacity: jsii.Number(1), MaxCapacity: jsii.Number(8)})
	fleet.ScaleOnConcurrency(jsii.String("concurrency"), nil)

	app.Synth(nil)
}
