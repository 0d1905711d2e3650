from datetime import date
from decimal import Decimal
from uuid import UUID

from fastapi import Depends, FastAPI
from pydantic import BaseModel, Field

app = FastAPI(title="application")


class Item(BaseModel):
    id: int = Field(gt=0)
    name: str | None = None
    price: Decimal = Decimal("1.50")
    day: date = date(2025, 1, 1)
    key: UUID = UUID(int=7)


def query(q: str | None = None):
    return q


@app.get("/items/{item}")
async def read(item: int, q: str | None = Depends(query)) -> Item:
    return Item(id=item, name=q)


@app.post("/items")
def write(item: Item) -> Item:
    return item
