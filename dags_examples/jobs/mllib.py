"""The four iterative MLlib jobs of the Enel paper (Table II), on small generated data.

``lr`` logistic regression and ``mpc`` multilayer perceptron on three classes, ``kmeans`` on a
mixture of Gaussians, ``gbt`` gradient-boosted trees on a noisy polynomial.

Run one by hand: ``spark-submit mllib.py --job kmeans --rows 20000``.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

from pyspark.ml import Estimator
from pyspark.ml.classification import LogisticRegression, MultilayerPerceptronClassifier
from pyspark.ml.clustering import KMeans
from pyspark.ml.feature import VectorAssembler
from pyspark.ml.regression import GBTRegressor
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812 - the customary name

Data = Callable[[SparkSession, argparse.Namespace], DataFrame]


def _rows(spark: SparkSession, options: argparse.Namespace) -> DataFrame:
    return spark.range(0, options.rows, numPartitions=options.partitions)


def _vectors(frame: DataFrame, features: list[Column], label: Column) -> DataFrame:
    named = [feature.alias(f"x{index}") for index, feature in enumerate(features)]
    columns = [f"x{index}" for index in range(len(features))]
    table = frame.select(*named, label.cast("double").alias("label"))
    return VectorAssembler(inputCols=columns, outputCol="features").transform(table)


def three_classes(spark: SparkSession, options: argparse.Namespace) -> DataFrame:
    """20 noisy features around one centre per class."""
    label = F.col("id") % 3
    features = [F.randn(seed) + (label == seed % 3).cast("double") for seed in range(20)]
    return _vectors(_rows(spark, options), features, label)


def points(spark: SparkSession, options: argparse.Namespace) -> DataFrame:
    """Points in the plane around eight centres."""
    centre = F.col("id") % 8
    features = [F.randn(1) + 5 * (centre % 4), F.randn(2) + 5 * F.floor(centre / 4)]
    return _vectors(_rows(spark, options), features, centre)


def polynomial(spark: SparkSession, options: argparse.Namespace) -> DataFrame:
    """Powers of one number (a Vandermonde matrix) and the value of a noisy polynomial."""
    frame = _rows(spark, options).withColumn("base", F.rand(3) * 2 - 1)
    base = F.col("base")
    features = [F.pow(base, power) for power in range(1, 8)]
    value = base**7 - 2 * base**4 + base + F.randn(4) * 0.1
    return _vectors(frame, features, value)


JOBS: dict[str, tuple[Data, Callable[[int], Estimator[Any]]]] = {
    "lr": (three_classes, lambda n: LogisticRegression(maxIter=n, regParam=0.01, tol=0.0)),
    "mpc": (
        three_classes,
        lambda n: MultilayerPerceptronClassifier(layers=[20, 16, 8, 3], maxIter=n, tol=0.0, seed=7),
    ),
    "kmeans": (points, lambda n: KMeans(k=8, maxIter=n, tol=0.0, seed=7)),
    "gbt": (polynomial, lambda n: GBTRegressor(maxIter=n, maxDepth=3, seed=7)),
}


def main() -> None:
    """Generate the data of a job and fit its model."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--job", choices=sorted(JOBS), required=True)
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--partitions", type=int, default=8)
    parser.add_argument("--iterations", type=int, default=10)
    options = parser.parse_args()

    data, estimator = JOBS[options.job]
    spark = SparkSession.builder.getOrCreate()
    model = estimator(options.iterations).fit(data(spark, options))
    print(f"{options.job}: {model}")  # noqa: T201
    spark.stop()


if __name__ == "__main__":
    main()
