"""Lists of pictures: CSV files and manifests of SageMaker Ground Truth."""
