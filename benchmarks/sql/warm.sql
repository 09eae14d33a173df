-- Copyright: (c) 2026, steady.postgresql contributors
-- GNU General Public License v3.0-or-later (see LICENSE)
--
-- Reads the tables that the migration reads, themselves and not just an index of theirs.
SET enable_indexonlyscan = off;
SELECT count(*) FROM "Tenant";
SELECT count(*) FROM "User";
SELECT count(*) FROM "Customer";
SELECT count(*) FROM "Pet";
SELECT count(*) FROM "Staff";
SELECT count(*) FROM "Service";
SELECT count(*) FROM "InventoryItem";
SELECT count(*) FROM "Appointment";
SELECT count(*) FROM "Reminder";
SELECT count(*) FROM "MedicalHistory";
SELECT count(*) FROM "TreatmentSchedule";
SELECT count(*) FROM "Sale";
SELECT count(*) FROM "CashDrawer";
