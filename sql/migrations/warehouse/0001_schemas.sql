-- The two schemas of the warehouse: core holds the truth, mart what people read.
create schema if not exists core;

create schema if not exists mart;
