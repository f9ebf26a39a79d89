"""A Spark SQL ETL: eight TPC-H queries over Parquet, each of whose results becomes a table.

Tables come from ``tpch_data.py``. Each query is an action of its own, named after it, so that its
Spark jobs are the same components from run to run; adaptive query execution is on.

With ``--rows-per-second`` each task reads tables no faster than that, as from a store with a limit
per connection. It then waits rather than computes, and more executors than cores make sense: on two
cores, three executors are faster than two.

Run it by hand: ``spark-submit etl.py --tables /tmp/tpch/scale-0.5 --output /tmp/report``.
"""

from __future__ import annotations

import argparse

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812 - the customary name

TABLES = ("customer", "lineitem", "nation", "orders", "part", "partsupp", "region", "supplier")

QUERIES = {
    "q1 pricing summary": """
        SELECT l_returnflag, l_linestatus,
               sum(l_quantity) AS sum_qty,
               sum(l_extendedprice) AS sum_base_price,
               sum(l_extendedprice * (1 - l_discount)) AS sum_disc_price,
               sum(l_extendedprice * (1 - l_discount) * (1 + l_tax)) AS sum_charge,
               avg(l_quantity) AS avg_qty,
               avg(l_extendedprice) AS avg_price,
               avg(l_discount) AS avg_disc,
               count(*) AS count_order
        FROM lineitem
        WHERE l_shipdate <= DATE '1998-09-02'
        GROUP BY l_returnflag, l_linestatus
        ORDER BY l_returnflag, l_linestatus
    """,
    "q3 shipping priority": """
        SELECT l_orderkey, sum(l_extendedprice * (1 - l_discount)) AS revenue,
               o_orderdate, o_shippriority
        FROM lineitem
        JOIN orders ON o_orderkey = l_orderkey
        JOIN customer ON c_custkey = o_custkey
        WHERE c_mktsegment = 'BUILDING'
          AND o_orderdate < DATE '1995-03-15' AND l_shipdate > DATE '1995-03-15'
        GROUP BY l_orderkey, o_orderdate, o_shippriority
        ORDER BY revenue DESC, o_orderdate
        LIMIT 10
    """,
    "q5 local supplier volume": """
        SELECT n_name, sum(l_extendedprice * (1 - l_discount)) AS revenue
        FROM lineitem
        JOIN orders ON o_orderkey = l_orderkey
        JOIN customer ON c_custkey = o_custkey
        JOIN supplier ON s_suppkey = l_suppkey AND s_nationkey = c_nationkey
        JOIN nation ON n_nationkey = s_nationkey
        JOIN region ON r_regionkey = n_regionkey
        WHERE r_name = 'ASIA' AND year(o_orderdate) = 1994
        GROUP BY n_name
        ORDER BY revenue DESC
    """,
    "q6 revenue change": """
        SELECT sum(l_extendedprice * l_discount) AS revenue
        FROM lineitem
        WHERE year(l_shipdate) = 1994 AND l_discount BETWEEN 0.05 AND 0.07 AND l_quantity < 24
    """,
    "q9 profit by product type": """
        SELECT n_name AS nation, year(o_orderdate) AS o_year,
               sum(l_extendedprice * (1 - l_discount) - ps_supplycost * l_quantity) AS sum_profit
        FROM lineitem
        JOIN part ON p_partkey = l_partkey
        JOIN partsupp ON ps_partkey = l_partkey AND ps_suppkey = l_suppkey
        JOIN supplier ON s_suppkey = l_suppkey
        JOIN orders ON o_orderkey = l_orderkey
        JOIN nation ON n_nationkey = s_nationkey
        WHERE p_name LIKE '%green%'
        GROUP BY n_name, year(o_orderdate)
        ORDER BY nation, o_year DESC
    """,
    "q10 returned items": """
        SELECT c_custkey, c_name, sum(l_extendedprice * (1 - l_discount)) AS revenue,
               c_acctbal, n_name, c_address, c_phone, c_comment
        FROM lineitem
        JOIN orders ON o_orderkey = l_orderkey
        JOIN customer ON c_custkey = o_custkey
        JOIN nation ON n_nationkey = c_nationkey
        WHERE l_returnflag = 'R'
          AND o_orderdate >= DATE '1993-10-01' AND o_orderdate < DATE '1994-01-01'
        GROUP BY c_custkey, c_name, c_acctbal, c_phone, n_name, c_address, c_comment
        ORDER BY revenue DESC
        LIMIT 20
    """,
    "q12 shipping modes": """
        SELECT l_shipmode,
               count_if(o_orderpriority IN ('1-URGENT', '2-HIGH')) AS high_line_count,
               count_if(o_orderpriority NOT IN ('1-URGENT', '2-HIGH')) AS low_line_count
        FROM lineitem
        JOIN orders ON o_orderkey = l_orderkey
        WHERE l_shipmode IN ('MAIL', 'SHIP') AND year(l_receiptdate) = 1994
          AND l_commitdate < l_receiptdate AND l_shipdate < l_commitdate
        GROUP BY l_shipmode
        ORDER BY l_shipmode
    """,
    "q18 large volume customers": """
        SELECT c_name, c_custkey, o_orderkey, o_orderdate, o_totalprice,
               sum(l_quantity) AS sum_qty
        FROM lineitem
        JOIN orders ON o_orderkey = l_orderkey
        JOIN customer ON c_custkey = o_custkey
        WHERE o_orderkey IN (
            SELECT l_orderkey FROM lineitem GROUP BY l_orderkey HAVING sum(l_quantity) > 300
        )
        GROUP BY c_name, c_custkey, o_orderkey, o_orderdate, o_totalprice
        ORDER BY o_totalprice DESC, o_orderdate
        LIMIT 100
    """,
}
"""TPC-H queries with the parameters of the specification's validation, by number and title."""

_PAUSE_S = 0.1


def paced(table: DataFrame, rows_per_s: int) -> DataFrame:
    """The same rows, of which each task takes at most so many per second.

    The task sleeps in the JVM, so waiting costs no CPU and its run time shows it.
    """
    rows = max(1, round(rows_per_s * _PAUSE_S))
    sleep = F.expr(f"reflect('java.lang.Thread', 'sleep', {round(_PAUSE_S * 1000)}L) IS NOT NULL")
    is_due = F.monotonically_increasing_id() % rows == rows - 1
    return table.where(F.when(is_due, sleep).otherwise(F.lit(True)))


def main() -> None:
    """Read the tables, and write a table per query."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tables", required=True, help="folder of the tables")
    parser.add_argument("--output", required=True, help="folder of the results, overwritten")
    parser.add_argument("--rows-per-second", type=int, help="at most so many in each task")
    options = parser.parse_args()

    spark = (
        SparkSession.builder.config("spark.sql.adaptive.enabled", "true")
        # As many tasks per table whatever the executors, or there would be no work for later ones.
        .config("spark.sql.files.maxPartitionBytes", "16m")
        .config("spark.sql.shuffle.partitions", "16")
        .getOrCreate()
    )
    for name in TABLES:
        table = spark.read.parquet(f"{options.tables}/{name}")
        if options.rows_per_second:
            table = paced(table, options.rows_per_second)
        table.createOrReplaceTempView(name)
    for title, sql in QUERIES.items():
        spark.sparkContext.setJobDescription(title)
        number = title.split()[0]
        spark.sql(sql).write.mode("overwrite").parquet(f"{options.output}/{number}")
        print(f"{title}: done", flush=True)  # noqa: T201
    spark.stop()


if __name__ == "__main__":
    main()
