from datetime import datetime
from decimal import Decimal

from sqlalchemy import (Column, DateTime, ForeignKey, Integer, MetaData, Numeric, String, Table, create_engine, func,
                        inspect, select)
from sqlalchemy.exc import IntegrityError

metadata = MetaData()
people = Table("people", metadata, Column("id", Integer, primary_key=True), Column("name", String(30), unique=True))
orders = Table(
    "orders",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("person", ForeignKey("people.id"), nullable=False),
    Column("total", Numeric(10, 2)),
    Column("placed", DateTime, default=datetime.now),
)
engine = create_engine("sqlite://")
metadata.create_all(engine)
with engine.begin() as connection:
    connection.execute(people.insert(), [{"name": "Ada"}, {"name": "Grace"}])
    connection.execute(orders.insert(), [{"person": 1, "total": Decimal("1.25")}, {"person": 1, "total": 2}])
try:
    with engine.begin() as connection:
        connection.execute(people.insert().values(name="Ada"))
    raise SystemExit("names are unique")
except IntegrityError:
    pass
query = select(people.c.name, func.sum(orders.c.total)).join(orders, isouter=True).group_by(people.c.name)
with engine.connect() as connection:
    rows = connection.execute(query.order_by(people.c.name)).all()
assert rows[0].name == "Ada" and rows[0][1] == Decimal("3.25") and rows[1][1] is None, rows
assert inspect(engine).get_foreign_keys("orders")[0]["referred_table"] == "people"
print("ok")
