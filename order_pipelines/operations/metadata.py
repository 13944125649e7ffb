"""The one MetaData that all tables of the operations store belong to."""

import sqlalchemy as sa

metadata = sa.MetaData()
